"""From what a host gives to a shop that is wired, or to a clear refusal."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from digistore.database import Database
from digistore.downloads import Personaliser
from digistore.errors import ConfigError
from digistore.files import BlobBackend, Capabilities, Scanner, open_backend
from digistore.gateways import Cap, GatewayProfile, PaymentGateway
from digistore.orders.service.starting import KEY_MARGIN
from digistore.orders.tax import NoTax, TaxCalculator
from digistore.settings import Settings
from digistore.tokens import Secrets
from digistore.wiring import Means, Shop

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

_RECIPE = re.compile(r"[a-z0-9_-]{1,40}")


def _by_name(
    gateways: Sequence[PaymentGateway], settings: Settings
) -> Mapping[str, PaymentGateway]:
    if not isinstance(gateways, list | tuple) or not all(
        isinstance(getattr(one, "profile", None), GatewayProfile) for one in gateways
    ):
        raise ConfigError("gateways is a list of gateways, such as [SandboxGateway()]")
    named = {gateway.profile.name: gateway for gateway in gateways}
    if len(named) != len(gateways):
        raise ConfigError("two gateways have one name; give each its own: name=...")
    if named.keys() & {"free", "external"}:
        raise ConfigError("a gateway cannot be called free or external: those names are taken")
    if len({gateway.profile.livemode for gateway in gateways}) > 1:
        raise ConfigError("live and test gateways cannot stand in one store")
    for gateway in gateways:
        if settings.checkout_ttl > gateway.profile.key_ttl - KEY_MARGIN:
            raise ConfigError(
                f"checkout_ttl is too long for {gateway.profile.name}'s idempotency keys: at most "
                f"{gateway.profile.key_ttl - KEY_MARGIN}"
            )
        if settings.checkout_ttl < gateway.profile.shortest_checkout:
            raise ConfigError(
                f"checkout_ttl is too short for {gateway.profile.name}: it takes checkouts of "
                f"{gateway.profile.shortest_checkout} or more"
            )
    return named


def _refuse_two_taxes(gateways: Mapping[str, PaymentGateway], tax: TaxCalculator) -> None:
    asked = getattr(tax, "calculate", None)
    if isinstance(tax, type) or not inspect.iscoroutinefunction(asked):
        raise ConfigError("tax is a TaxCalculator, such as FixedRates({...})")
    taxing = [name for name, one in gateways.items() if Cap.TAX in one.profile.capabilities]
    if taxing and not isinstance(tax, NoTax):
        raise ConfigError(
            f"{', '.join(taxing)} works out tax by itself: give no TaxCalculator beside it, or"
            " switch the gateway's tax off; together they would be charged twice"
        )


def _refuse_transport(backend: BlobBackend, settings: Settings) -> None:
    able = getattr(backend, "capabilities", None)
    if not isinstance(able, Capabilities):
        raise ConfigError("files is a URL such as file://./shop-files, or a BlobBackend")
    if settings.transport == "redirect" and not able.presign:
        raise ConfigError("transport='redirect' needs files in a bucket: s3://bucket/prefix")
    if settings.transport == "accel" and not (able.local_path and settings.accel_prefix):
        raise ConfigError("transport='accel' needs files in a local folder, and accel_prefix")


def _opened(
    database: Database, replica: str | Engine | AsyncEngine, schema: str | None
) -> Database:
    """Open a read replica, for the same thread or loop as the *database* that it is of."""
    second = Database.open_replica(replica, database.clock, schema=schema, awaited=database.awaited)
    if second.url.get_backend_name() != database.url.get_backend_name():
        second.drop()
        raise ConfigError("the replica is another kind of database than the store's")
    if second.awaited != database.awaited:
        second.drop()
        raise ConfigError("the replica's engine must block as the store's does, or be awaited too")
    return second


def _refuse_hooks(
    scanner: Scanner | None, personalisers: Mapping[str, Personaliser] | None
) -> None:
    if scanner is not None and not (_blocks(scanner, "scan") and isinstance(scanner, Scanner)):
        raise ConfigError("a scanner has a method scan(blob), which is no coroutine")
    for name, one in (personalisers or {}).items():
        if not _RECIPE.fullmatch(name):
            raise ConfigError("a recipe is called by up to 40 of a-z 0-9 _ -, such as stamp-1")
        if not (isinstance(one, Personaliser) and _blocks(one, "build")):
            raise ConfigError("a personaliser has a method build(source, purchase), no coroutine")


def _blocks(hook: object, method: str) -> bool:
    return not inspect.iscoroutinefunction(getattr(hook, method, None))


def make_shop(
    database: Database,
    files: str | BlobBackend,
    gateways: Sequence[PaymentGateway],
    secret: str | Sequence[str],
    settings: Settings | None,
    tax: TaxCalculator | None = None,
    scanner: Scanner | None = None,
    personalisers: Mapping[str, Personaliser] | None = None,
    replica: str | Engine | AsyncEngine | None = None,
    schema: str | None = None,
) -> Shop:
    """Wire a shop over *database*, and its *replica* if it has one, whose tables are in *schema*.

    If that fails, both are let go.

    Raises:
        ConfigError: a folder, secret or gateway that cannot be used.
    """
    second: Database | None = None
    try:
        if replica is not None:
            second = _opened(database, replica, schema)
        _refuse_hooks(scanner, personalisers)
        decided = _checked(settings)
        named = _by_name(gateways, decided)
        calculator = tax or NoTax()
        _refuse_two_taxes(named, calculator)
        secrets = Secrets(secret)
        backend = open_backend(files) if isinstance(files, str | os.PathLike) else files
        _refuse_transport(backend, decided)
        means = Means(backend, named, secrets, decided, calculator, scanner, personalisers, second)
        return Shop(database, means)
    except BaseException:
        database.drop()
        if second is not None:
            second.drop()
        raise


def _checked(settings: object) -> Settings:
    if settings is None:
        return Settings()
    if not isinstance(settings, Settings):
        raise ConfigError("settings is Settings(...)")
    return settings

"""Which gateways may stand in one store: said when it is opened, not when somebody buys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digistore import AsyncStore, Store
from digistore.blocking import run
from digistore.errors import ConfigError
from digistore.gateways import GatewayProfile, MoneyRules
from digistore.gateways.sandbox import SandboxGateway
from digistore.settings import Settings
from tests.conftest import SECRET

HOUR = timedelta(hours=1)


class Provider(SandboxGateway):
    """As a real provider presents itself."""

    def __init__(self, *, live: bool = True, key_ttl: timedelta = 24 * HOUR, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._given = live, key_ttl

    @property
    def profile(self) -> GatewayProfile:
        live, key_ttl = self._given
        own = super().profile
        return GatewayProfile(own.name, live, own.capabilities, MoneyRules(), key_ttl=key_ttl)


def open_with(kind: type[Store | AsyncStore], *gateways: Any, **settings: Any) -> None:
    store = kind.open(
        "sqlite://",
        files="memory://",
        gateways=list(gateways),
        secret=SECRET,
        settings=Settings(**settings),
    )
    run(store._shop.database.close())


@pytest.fixture(params=[Store, AsyncStore])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_W7_a_sandbox_cannot_stand_beside_live_money(kind: Any) -> None:
    live, sandbox = Provider(name="live"), SandboxGateway()
    for gateways in ((live, sandbox), (sandbox, live)):
        with pytest.raises(ConfigError, match="live and test"):
            open_with(kind, *gateways)
    open_with(kind, live, Provider(name="other"))
    open_with(kind, sandbox, Provider(name="test", live=False))
    open_with(kind)


def test_gateways_have_names_of_their_own(kind: Any) -> None:
    for names in (("a", "a"), ("free",), ("external",), ("a", "external"), ("a", "b", "a")):
        with pytest.raises(ConfigError, match="name"):
            open_with(kind, *(SandboxGateway(name=name) for name in names))
    open_with(kind, *(SandboxGateway(name=name) for name in ("a", "A", "b")))


def test_a_checkout_lives_no_longer_than_its_key_less_four_hours(kind: Any) -> None:
    short = Provider(name="short", live=False, key_ttl=6 * HOUR)
    open_with(kind, SandboxGateway(), checkout_ttl=20 * HOUR)
    open_with(kind, short, checkout_ttl=2 * HOUR)
    for gateways, ttl in (
        ([SandboxGateway()], 20 * HOUR + timedelta(microseconds=1)),
        ([SandboxGateway()], 24 * HOUR),
        ([short], 2 * HOUR + timedelta(microseconds=1)),
        ([SandboxGateway(), short], 12 * HOUR),
    ):
        with pytest.raises(ConfigError, match="checkout_ttl"):
            open_with(kind, *gateways, checkout_ttl=ttl)


def test_K2_a_store_shows_no_secret(kind: Any) -> None:
    store = kind.open("sqlite://", files="memory://", gateways=[], secret=SECRET)
    for shown in (repr(store), repr(store._shop), str(vars(store)), repr(store.downloads)):
        assert SECRET not in shown
    run(store._shop.database.close())

"""What a host may decide; everything has a quiet default."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, InstanceOf

from digistore.fields import Country, Line, Ref, Text, Title


class Effect(StrEnum):
    """What a fact does to access; the strictest wins."""

    KEEP = "keep"
    SUSPEND = "suspend"
    REVOKE = "revoke"


class AccessPolicy(BaseModel):
    """What a reversal does to access; the values in force are copied onto each order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    partial_refund: Literal[Effect.KEEP, Effect.REVOKE] = Effect.KEEP
    dispute_warning: Literal[Effect.KEEP, Effect.SUSPEND] = Effect.KEEP
    dispute_opened: Literal[Effect.SUSPEND, Effect.KEEP] = Effect.SUSPEND
    dispute_lost: Literal[Effect.REVOKE, Effect.KEEP] = Effect.REVOKE


class LegalEntity(BaseModel):
    """Who sells, as the law wants it on a receipt; ``country`` is ISO 3166-1 alpha-2.

    *tax_id* is the number under which tax is paid, *registration* where the company is entered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Title
    country: Country
    address: Annotated[Text, Field(max_length=1000)] | None = None
    email: Line | None = None
    tax_id: Ref | None = None
    registration: Line | None = None


@runtime_checkable
class BotClassifier(Protocol):
    """Says what agents are bots, beyond what a visit is flagged by at once: a port."""

    async def is_bot(self, agent: str) -> bool:
        """Say whether *agent*, a User-Agent of at most 512 characters, is no person's."""
        ...


class Settings(BaseModel):
    """How a store behaves.

    Args:
        namespace: the shop's name at its gateways, so that two shops can share an account.
        access: what reversals do to access.
        checkout_ttl: how long an open checkout can be paid, 30 minutes to 24 hours.
        duplicates: a second payment for what is owned is refunded by itself, or asked about.
        webhooks: a provider's message is settled before it is answered; or, for hosts whose worker
            runs ``run_due`` all the time, ``later``: it is stored and answered at once.
        required_consents: kinds of consent without which no checkout begins.
        legal_entity: who the house is, for its receipts and its taxes.
        receipt_issuer: who issues receipts: each order's seller, or the house for all of them.
        tax_inclusive: whether prices contain their tax, or a ``TaxCalculator``'s is added to them.
        return_hosts: host names that ``return_url`` may lead to; none given: any.
        link_ttl: how long a download link works, 1 minute to 7 days.
        require_login: whether a link works only for the user it was made for; download managers
            have no cookie.
        download_window: what counts as one download, from its first request.
        download_limit: how often each file can be downloaded by one purchase; none: for life. The
            ZIP of all files counts as one more file.
        download_networks: from how many networks a purchase is downloaded within a day before an
            operator is asked to look; nothing is blocked.
        transport: who sends the bytes: the storage by a signed URL (``redirect``), the web server
            (``accel``), the application (``stream``), or the first of these that can.
        redirect_ttl: how long a signed URL works, 1 second to 7 days.
        accel_header, accel_prefix: how a web server is told to send a file of a local folder, such
            as ``X-Accel-Redirect`` and ``/protected``.
        max_file_bytes, max_release_bytes, max_release_files: bounds of a release.
        allowed_media_types: the only types of files that a release may have; none given: any.
        denied_media_types: types that it may not have.
        gc_grace: how long bytes that nothing refers to are kept.
        reopen_window: how long a resolved support request can be reopened.
        link_hosts: hosts that a seller's short link may lead to.
        own_link_hosts: ``host`` or ``host/path`` under which short links are served.
        customers_shorten: whether customers make short links too, to the hosts that sellers may.
        allow_ip_targets: whether a short link may lead to a public IP address.
        refuse_link_chains: whether a short link may not lead to a known shortener.
        code_alphabet, code_length: of short codes.
        acceptable_code: says no to drawn codes that should not be handed out; no I/O.
        screen_target: says no to addresses, as a reputation service might; it may block, and what
            it raises is raised.
        clicks: each is written at once, or ``buffered``: many at a time, where a crash loses the
            last two seconds of them.
        click_window: how long after a click an order is attributed to it.
        bot_classifier: looks at agents again, off the redirect's path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: str = Field(default="digistore", pattern=r"^[a-z0-9_-]{1,40}$")
    access: AccessPolicy = AccessPolicy()
    checkout_ttl: timedelta = Field(
        default=timedelta(hours=12), ge=timedelta(minutes=30), le=timedelta(hours=24)
    )
    duplicates: Literal["refund", "ask"] = "refund"
    webhooks: Literal["now", "later"] = "now"
    required_consents: frozenset[str] = frozenset()
    legal_entity: LegalEntity | None = None
    receipt_issuer: Literal["seller", "house"] = "seller"
    tax_inclusive: bool = True
    return_hosts: frozenset[str] = frozenset()
    link_ttl: timedelta = Field(
        default=timedelta(hours=24), ge=timedelta(minutes=1), le=timedelta(days=7)
    )
    require_login: bool = False
    download_window: timedelta = Field(default=timedelta(hours=24), ge=timedelta(minutes=1))
    download_limit: int | None = Field(default=None, ge=1)
    download_networks: int = Field(default=20, ge=1)
    transport: Literal["auto", "redirect", "accel", "stream"] = "auto"
    redirect_ttl: timedelta = Field(
        default=timedelta(minutes=2), ge=timedelta(seconds=1), le=timedelta(days=7)
    )
    accel_header: Literal["X-Accel-Redirect", "X-Sendfile"] = "X-Accel-Redirect"
    accel_prefix: str | None = Field(default=None, pattern=r"^/[\x21-\x7e]*$", max_length=500)
    max_file_bytes: int = Field(default=5 * 2**30, ge=1)
    max_release_bytes: int = Field(default=20 * 2**30, ge=1)
    max_release_files: int = Field(default=200, ge=1)
    allowed_media_types: frozenset[str] = frozenset()
    denied_media_types: frozenset[str] = frozenset()
    gc_grace: timedelta = Field(default=timedelta(hours=24), ge=timedelta(hours=1))
    reopen_window: timedelta = Field(default=timedelta(days=14), ge=timedelta(0))
    link_hosts: frozenset[str] = frozenset()
    own_link_hosts: frozenset[str] = frozenset()
    customers_shorten: bool = False
    allow_ip_targets: bool = False
    refuse_link_chains: bool = False
    acceptable_code: Callable[[str], bool] | None = None
    screen_target: Callable[[str], bool] | None = None
    clicks: Literal["direct", "buffered"] = "direct"
    click_window: timedelta = Field(
        default=timedelta(days=7), ge=timedelta(minutes=1), le=timedelta(days=90)
    )
    bot_classifier: InstanceOf[BotClassifier] | None = None
    code_alphabet: str = Field(
        default="23456789abcdefghjkmnpqrstuvwxyz", min_length=2, pattern=r"^[a-z0-9]+$"
    )
    code_length: int = Field(default=8, ge=6, le=40)

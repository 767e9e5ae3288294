"""W1 to W8: who speaks at the webhook's door, for every gateway, and what is believed of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from digistore import Money, Settings, Store
from digistore.errors import ConfigError, InvalidSignature
from digistore.gateways import PaymentSnapshot
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.signing import Signer
from digistore.gateways.stripe import StripeGateway
from digistore.testing.gateways.paypal import PayPalWorld
from digistore.testing.gateways.sandbox import SandboxWorld
from digistore.testing.gateways.stripe import StripeWorld
from digistore.testing.gateways.world import SignedEvent, World
from digistore.web import WebSettings
from tests.conftest import SECRET
from tests.payments.asking import access, state, usd, waiting
from tests.payments.memory import MemoryShop, load, migrated
from tests.web.hosts import MOUNT, wsgi_in_asgi_app

GATEWAYS = {"sandbox": SandboxWorld, "stripe": StripeWorld, "paypal": PayPalWorld}


@pytest.fixture(scope="module", params=GATEWAYS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as ended:
        made: Any = GATEWAYS[request.param]()
        yield ended.enter_context(made) if hasattr(made, "__enter__") else made


@pytest.fixture
def door(world: World) -> Iterator[tuple[Store, TestClient]]:
    """A shop with that gateway alone, and its webhook's route."""
    with Store.open(
        "sqlite://", files="memory://", gateways=[world.gateway], secret=SECRET, clock=world.clock
    ) as store:
        load(store, migrated())
        with TestClient(wsgi_in_asgi_app(store, WebSettings(run_due=False))) as client:
            yield store, client


def a_message(world: World) -> SignedEvent:
    """What this gateway would send, of nothing that the shop knows."""
    body = b'{"id":"evt_1","object":"event"}'
    return body, dict(world.sign(body))


def of_another_body(world: World) -> dict[str, str]:
    """Headers that are good, of something else."""
    return dict(world.sign(b'{"id":"evt_0","object":"event"}'))


FORGED: dict[str, Callable[[World, bytes, dict[str, str]], SignedEvent]] = {
    "CVE-2026-0656 unsigned": lambda _w, body, _h: (body, {}),
    "github/advisory-database#7131 empty": lambda _w, body, h: (body, dict.fromkeys(h, "")),
    "one header missing": lambda _w, body, h: (body, dict([*h.items()][1:])),
    "the signature of another body": lambda w, body, _h: (body, of_another_body(w)),
    "altered after signing": lambda _w, body, h: (body.replace(b"evt_1", b"evt_2"), h),
    "another shop's": lambda _w, body, _h: (body, SandboxGateway().sign(body)),
    "a name in place of a signature": lambda _w, body, _h: (
        body,
        {"User-Agent": "Stripe/1.0", "X-Forwarded-For": "127.0.0.1", "Paypal-Auth-Algo": "none"},
    ),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=list(FORGED))
def test_W1_who_cannot_prove_to_be_the_gateway_is_not_heard(
    world: World,
    door: tuple[Store, TestClient],
    forge: Callable[[World, bytes, dict[str, str]], SignedEvent],
) -> None:
    store, client = door
    body, headers = forge(world, *a_message(world))
    answer = client.post(
        f"{MOUNT}/webhooks/{world.gateway.profile.name}", content=body, headers=headers
    )
    assert (answer.status_code, answer.content) == (400, b"")
    with pytest.raises(InvalidSignature):
        store.payments.handle_webhook(world.gateway.profile.name, body, headers)


def test_CVE_2025_14078_all_that_is_refused_is_refused_with_nothing(
    door: tuple[Store, TestClient], world: World
) -> None:
    """W8: whatever was wrong, no word of it; headers too are those of any answer."""
    _, client = door
    body, headers = a_message(world)
    path = f"{MOUNT}/webhooks/{world.gateway.profile.name}"
    answers = [
        client.post(path, content=body, headers=of_another_body(world)),
        client.post(path, content=b"", headers=headers),
        client.post(path, content=body),
        client.post(path, content=b"[]", headers=dict(world.sign(b"[]"))),
    ]
    assert {answer.content for answer in answers} == {b""}
    assert {answer.status_code for answer in answers} == {400}
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


BLANK: tuple[Any, ...] = ("", " ", (), ("",), None)


@pytest.mark.parametrize("blank", BLANK, ids=lambda blank: f"stripe/stripe-node#2841 {blank!r}")
def test_W2_an_empty_secret_is_none(world: World, blank: Any) -> None:
    made: Mapping[str, Callable[[], object]] = {
        "sandbox": lambda: SandboxGateway(webhook_secret=blank),
        "stripe": lambda: StripeGateway(
            api_key="sk_test_51ForTestsAlone", webhook_secrets=blank, namespace="shop"
        ),
        "paypal": lambda: PayPalGateway(
            client_id="i" * 20,
            client_secret="s" * 20,
            webhook_id=blank,
            live=False,
            namespace="shop",
        ),
    }
    with pytest.raises(ConfigError, match="webhook"):
        made[world.gateway.profile.name]()


@pytest.mark.parametrize(
    "header",
    ["X-Webhook-Secret", "X-DJStripe-Webhook-Secret", "Webhook-Secret", "Authorization"],
    ids=lambda header: f"dj-stripe/dj-stripe#1923 {header}",
)
def test_W2_a_secret_is_never_taken_from_the_message(
    door: tuple[Store, TestClient], header: str, world: World
) -> None:
    """What the stranger signs with, or the webhook id that they sign for, comes along."""
    store, _ = door
    body, _ = a_message(world)
    headers = signed_by_a_stranger(world, body)
    with pytest.raises(InvalidSignature):
        store.payments.handle_webhook(
            world.gateway.profile.name, body, {**headers, header: world.spare_secret}
        )


def signed_by_a_stranger(world: World, body: bytes) -> dict[str, str]:
    """Headers that fit a secret of the stranger's own; PayPal's are of another body."""
    if isinstance(world, PayPalWorld):
        return of_another_body(world)
    (name,) = world.sign(body)
    signer = Signer(name, world.spare_secret, 300, is_secret=bool, wanted="a secret")
    return signer.sign(body, world.clock())


SWITCH = re.compile(
    r"verif|insecure|skip|disable|unsigned|trust|debug|check_sig|require_sig|ignore", re.IGNORECASE
)


def test_CVE_2026_2428_no_option_turns_the_check_off() -> None:
    """W1: neither a gateway nor a shop nor its routes can be made not to look."""
    made = (SandboxGateway, StripeGateway, PayPalGateway, Store, Store.open)
    names = {name for one in made for name in inspect.signature(one).parameters}
    names |= Settings.model_fields.keys() | WebSettings.model_fields.keys()
    assert {name for name in names if SWITCH.search(name)} == set()


# W5: a signature says who speaks, not what is true.

AMISS: dict[str, tuple[Callable[[PaymentSnapshot], PaymentSnapshot], str]] = {
    "one unit less": (
        lambda told: replace(told, captured=usd("28.99")),
        "underpaid",
    ),
    "another currency": (
        lambda told: replace(told, total=Money("29.00", "EUR"), captured=Money("29.00", "EUR")),
        "wrong_currency",
    ),
    "another account": (lambda told: replace(told, account="acct_of_somebody"), "orphan"),
    "another mode": (lambda told: replace(told, livemode=not told.livemode), "orphan"),
}


@pytest.mark.parametrize(
    ("change", "kind"),
    [pytest.param(*case, id=f"CVE-2026-9189 {name}") for name, case in AMISS.items()],
)
def test_W5_money_that_is_not_what_was_asked_for_opens_nothing(
    change: Callable[[PaymentSnapshot], PaymentSnapshot], kind: str
) -> None:
    shop = MemoryShop.open()
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    shop.settle(change(shop.fetch(checkout)), shop.ticket(checkout))
    assert (state(shop, checkout), access(shop, book)) == ("open", "not_purchased")
    assert waiting(shop) == [kind]
    shop.store.close()

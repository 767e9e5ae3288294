"""K1, K2: secrets come from the host alone and show nowhere; what opens something is not stored."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from digistore import Store
from digistore.errors import DigistoreError, GatewayError
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.stripe import StripeGateway
from digistore.settings import Settings
from digistore.short_urls import Visit
from tests.conftest import OpenStore, Shop
from tests.payments.end_state import every_row
from tests.security.telling import told

SECRET = "canary-of-the-store-0123456789abcdef"
WEBHOOK = "canary-of-the-webhook-0123456789"
PASSWORD = "canary of the link"


class Spoken(logging.Handler):
    """All that is logged."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def spoken() -> Iterator[Spoken]:
    handler, root = Spoken(), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


@pytest.fixture
def kept(open_store: OpenStore, clock: Any) -> Shop:
    """A shop whose secrets are known signs."""
    sandbox = SandboxGateway(clock=clock, webhook_secret=WEBHOOK)
    return Shop(open_store(secret=SECRET, gateways=[sandbox]), sandbox, clock)


def lived(shop: Shop) -> dict[str, str]:
    """Let the shop live a little; return what of it opens something."""
    book, store = shop.product(), shop.store
    bought = shop.checkout(book)
    with suppress(DigistoreError):
        store.payments.handle_webhook("sandbox", b"{}", {"Sandbox-Signature": "t=1,v1=00"})
    shop.sandbox.fail_next("server_error", method="fetch")
    shop.deliver(shop.sandbox.pay(bought))
    store.payments.reconcile()
    token = store.downloads.link(shop.buyer, book).token
    store.users.guest("ada@example.com")
    code = store.users.start_claim("ada@example.com")
    store.short_urls.shorten(
        shop.operator, "https://example.com/", code="vip", password=PASSWORD, track=False
    )
    for password in (PASSWORD, "wrong"):
        with suppress(DigistoreError):
            store.short_urls.resolve("vip", Visit("POST", {}, None), password=password)
    store.run_due()
    return {"token": token, "code": code, "bare code": code.replace("-", "")}


def test_K2_no_secret_is_stored_logged_or_shown(kept: Shop, spoken: Spoken) -> None:
    opens = lived(kept)
    stored = repr(every_row(kept.rows)) + repr(kept.rows("SELECT * FROM digistore_provider_events"))
    shown = "\n".join(spoken.lines)
    shown += repr(kept.store.doctor()) + repr(kept.sandbox) + repr(kept.sandbox.profile)
    target = getattr(kept.store, "_target", kept.store)
    shown += "".join(repr(one) + str(vars(one)) for one in (target, target._shop))
    shown += "".join(repr(one) for one in vars(target._shop).values())
    for secret in (SECRET, WEBHOOK, PASSWORD):
        assert secret not in stored + shown
        assert secret[:12] not in stored + shown
    for name, opener in opens.items():
        assert opener not in stored, name
        assert opener not in shown, name


def test_K2_an_error_of_a_gateway_tells_no_secret(kept: Shop) -> None:
    for fault in ("timeout", "server_error", "rate_limit"):
        kept.sandbox.fail_next(fault, method="create_checkout")
        with pytest.raises(GatewayError) as caught:
            kept.checkout(kept.product(f"Book {fault}"))
        said = repr(caught.value) + str(vars(caught.value)) + repr(caught.value.__cause__)
        assert not [one for one in (SECRET, WEBHOOK) if one in said]


def test_K1_no_secret_has_a_default_but_the_sandboxes() -> None:
    """Nor is there a switch: what must be secret must be given."""
    secret = {"secret", "api_key", "webhook_secrets", "client_secret", "webhook_id"}
    for made in (Store, Store.open, StripeGateway, PayPalGateway):
        given = inspect.signature(made).parameters
        named = secret & set(given)
        assert named
        assert all(given[one].default is inspect.Parameter.empty for one in named), made
    assert not {name for name in Settings.model_fields if "secret" in name or "password" in name}


def test_K2_no_answer_about_a_link_holds_its_password(kept: Shop) -> None:
    link = kept.store.short_urls.shorten(
        kept.operator, "https://example.com/", code="vip", password=PASSWORD
    )
    links = kept.store.short_urls
    drawn = links.qr(link, base="https://shop.example/s")
    answers = [link, links.mine(kept.operator), links.export_links(kept.operator), drawn]
    ((stored,),) = kept.rows("SELECT password_hash FROM digistore_short_urls")
    said = "\n".join(text for one in answers for text in told(one)) + repr(answers)
    assert PASSWORD not in said
    assert stored not in said

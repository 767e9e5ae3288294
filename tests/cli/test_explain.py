from __future__ import annotations

import pytest

from digistore import SYSTEM
from tests.cli.conftest import Host, Sold


def test_explain_names_the_payment_that_opened_access(host: Host, sold: Sold) -> None:
    book, checkout = sold
    code, out, _ = host.run_on_store("explain", "--user", "ext:ann", "--product", book.slug)
    assert code == 0
    first, *lines = out.splitlines()
    assert first == f"✓ {checkout.order.buyer_id} can open 'Async Python': live"
    assert f", live, of order {checkout.order.id}" in lines[1]
    assert "payment succeeded" in lines[3]
    assert "29.00 USD" in lines[3]
    assert lines[3].endswith("✓ decides")


def test_explain_names_the_refund_that_ended_it(host: Host, sold: Sold) -> None:
    book, checkout = sold
    with host.store() as store:
        store.payments.refund(SYSTEM, checkout.order, reason="asked for")
    words = ("explain", "--user", checkout.order.buyer_id, "--product", book.id)
    code, found = host.run_json(*words)
    assert (code, found["granted"], found["reason"]) == (0, False, "revoked")
    assert found["user_id"] == checkout.order.buyer_id
    assert found["product_id"] == book.id
    (purchase,) = found["purchases"]
    assert [fact["kind"] for fact in purchase["facts"] if fact["deciding"]] == ["refund"]
    _, out, _ = host.run_on_store(*words)
    assert out.startswith("✗ ")
    assert "refund succeeded" in out


def test_explain_tells_an_operator_s_reason(host: Host, sold: Sold) -> None:
    book, checkout = sold
    with host.store() as store:
        (owned,) = store.entitlements.my_products(checkout.order.buyer_id)
        store.entitlements.revoke(SYSTEM, owned.purchase, reason="shared it with everybody")
    code, out, _ = host.run_on_store("explain", "--user", "ext:ann", "--product", book.id)
    assert code == 0
    assert "operator revoked" in out
    assert out.splitlines()[-1].strip() == "because: shared it with everybody"


def test_explain_says_that_nothing_was_purchased(host: Host, sold: Sold) -> None:
    book, _ = sold
    with host.store() as store:
        store.users.ensure("ben")
    code, out, _ = host.run_on_store("explain", "--user", "ext:ben", "--product", book.id)
    assert code == 0
    assert out.splitlines()[-1] == "Nothing was ever purchased."


@pytest.mark.parametrize(
    ("user", "product"),
    [("usr_nobody", "async-python"), ("ext:nobody", "async-python"), ("ext:ann", "no-such")],
)
@pytest.mark.usefixtures("sold")
def test_explain_does_not_know_everybody(host: Host, user: str, product: str) -> None:
    code, out, err = host.run_on_store("explain", "--user", user, "--product", product)
    assert (code, out) == (1, "")
    assert err.startswith("digistore: no such ")

"""What waits for somebody to decide: who sees it, who decides, and how often."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digistore import SYSTEM
from digistore.blocking import run
from digistore.errors import Forbidden, Invalid, InvalidTransition, NotFound, NotRefundable
from digistore.gateways import CheckoutRef, RefundSnapshot, RefundState
from digistore.ids import ActionId
from digistore.orders import Checkout
from digistore.payments import Action
from digistore.payments.models import HINTS, ActionKind, Choice
from digistore.payments.service.actions import CHOICES
from digistore.payments.tables import payment_actions
from tests.conftest import BLOCKING, Shop
from tests.payments.asking import (
    RECEIVED,
    access,
    action,
    calls,
    events,
    given_back,
    record,
    usd,
    waiting,
)


def underpaid(shop: Shop, title: str = "Async Python", seller: Any = None) -> Action:
    checkout = shop.checkout(shop.product(title, seller=seller))
    shop.deliver(shop.sandbox.pay(checkout, amount=usd("1.00")))
    found = shop.store.payments.needing_action(SYSTEM)
    return next(one for one in found if one.order_id == checkout.order.id)


def test_every_kind_has_choices_and_every_choice_is_known() -> None:
    assert CHOICES.keys() == set(ActionKind)
    assert all(choices and set(choices) <= set(Choice) for choices in CHOICES.values())


@pytest.mark.parametrize("kind", list(ActionKind))
def test_every_entry_says_in_plain_words_what_to_do_next(kind: ActionKind) -> None:
    entry = Action(
        id=ActionId("act_1"), kind=kind, subject="x", choices=CHOICES[kind], created_at=RECEIVED
    )
    assert entry.hint.endswith(".")
    for choice in entry.choices:  # each way out is named
        assert re.search(rf"\b{choice}", entry.hint, re.IGNORECASE)
    assert "hint" not in entry.model_dump()
    assert "hint" not in payment_actions.c


def test_the_documentation_lists_every_kind_with_its_hint_and_choices() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "money.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    for kind, hint in HINTS.items():
        choices = ", ".join(f"`{choice}`" for choice in CHOICES[kind])
        assert lines.count(f"| `{kind}` | {hint} | {choices} |") == 1


def test_an_entry_says_what_it_is_about_and_what_can_be_chosen(shop: Shop) -> None:
    found = underpaid(shop)
    assert (found.kind, found.choices) == ("underpaid", ("refund", "assign", "keep"))
    assert found.order_id is not None
    assert found.payment_id == found.subject
    assert (found.created_at, found.resolved_at, found.choice) == (shop.clock(), None, None)
    assert events(shop).count("ActionNeeded") == 1


def test_entries_come_oldest_first(shop: Shop) -> None:
    made = []
    for title in ("A", "B", "C"):
        made.append(underpaid(shop, title).id)
        shop.clock.go(minutes=1)
    ask = shop.store.payments.needing_action
    assert [one.id for one in ask(shop.operator)] == made
    first = ask(shop.seller, limit=2)
    assert [one.id for one in first] == made[:2]
    rest = ask(shop.seller, after=first.next, limit=2)
    assert ([one.id for one in rest], rest.next) == (made[2:], None)
    for wrong in ({"limit": 0}, {"limit": 101}, {"after": "x"}):
        with pytest.raises(Invalid):
            ask(shop.operator, **wrong)


def test_sellers_see_what_concerns_their_orders_and_customers_nothing(shop: Shop) -> None:
    other = shop.new_seller("other@example.com")
    mine = underpaid(shop)
    theirs = underpaid(shop, "Theirs", seller=other)
    house = underpaid(shop, "The house's", seller=SYSTEM)

    def seen(actor: Any) -> set[str]:
        return {one.id for one in shop.store.payments.needing_action(actor)}

    assert seen(shop.operator) == seen(SYSTEM) == {mine.id, theirs.id, house.id}
    assert (seen(shop.seller), seen(other)) == ({mine.id}, {theirs.id})
    for nobody in (shop.buyer, None):
        with pytest.raises(Forbidden):
            seen(nobody)


def test_only_operators_decide(shop: Shop) -> None:
    found = underpaid(shop)
    for actor in (shop.seller, shop.buyer, shop.store.users.register("s@example.com"), None):
        with pytest.raises(Forbidden):
            shop.store.payments.resolve(actor, found, choice="keep", reason="x")  # type: ignore[arg-type]
    assert waiting(shop) == ["underpaid"]
    decided = shop.store.payments.resolve(SYSTEM, found.id, choice=Choice.KEEP, reason="a tip")
    assert (decided.choice, decided.resolved_at) == ("keep", shop.clock())
    assert waiting(shop) == []


def test_a_choice_that_an_entry_does_not_have_is_refused(shop: Shop) -> None:
    found = underpaid(shop)
    for choice in ("accept", "retry", "burn", ""):
        with pytest.raises(Invalid) as caught:
            shop.store.payments.resolve(shop.operator, found, choice=choice, reason="x")
        assert caught.value.fields == {"choice": "unknown"}
    for reason in ("", " ", "x" * 2001, "a\0b"):
        with pytest.raises(Invalid) as caught:
            shop.store.payments.resolve(shop.operator, found, choice="keep", reason=reason)
        assert set(caught.value.fields) == {"reason"}
    with pytest.raises(NotFound):
        shop.store.payments.resolve(shop.operator, "act_unknown", choice="keep", reason="x")
    assert waiting(shop) == ["underpaid"]


def test_decided_twice_alike_it_is_decided_once(shop: Shop) -> None:
    found = underpaid(shop)
    decide = shop.store.payments.resolve
    first = decide(shop.operator, found, choice="refund", reason="too little")
    shop.clock.go(hours=1)
    assert decide(SYSTEM, found, choice="refund", reason="again") == first
    assert len(calls(shop, "refund")) == 1
    with pytest.raises(InvalidTransition):
        decide(shop.operator, found, choice="keep", reason="on second thoughts")


def test_a_refund_whose_answer_is_lost_is_not_made_again(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, amount=usd("1.00")))
    shop.sandbox.fail_next("lost_reply", method="refund")
    found = action(shop, "underpaid")
    for _ in range(2):
        shop.store.payments.resolve(shop.operator, found, choice="refund", reason="too little")
    assert shop.count("refunds", "state = 'unknown'") == 1
    shop.clock.go(minutes=10)
    shop.store.payments.reconcile()
    assert shop.count("refunds", "state = 'succeeded'") == 1
    assert given_back(shop, checkout) == [(100, "succeeded")]


def test_what_came_by_transfer_goes_back_by_transfer(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    record(shop, checkout, usd("1.00"))
    with pytest.raises(NotRefundable, match="record_refund"):
        shop.store.payments.resolve(
            shop.operator, action(shop, "underpaid"), choice="refund", reason="x"
        )
    assert waiting(shop) == ["underpaid"]


def told(shop: Shop, checkout: Checkout, **values: Any) -> None:
    """Let a gateway say what the sandbox never would."""
    found = run(shop.sandbox.fetch(CheckoutRef(shop.sandbox.look_up(checkout).id)))
    settle = getattr(shop.store, "_target", shop.store)._shop.payments._settle
    run(settle.settle(replace(found, **values), 0, "test"))


@BLOCKING
def test_what_no_gateway_should_say_is_noted_and_kept(shop: Shop) -> None:
    """Another amount for the same payment; more given back than was taken."""
    book, other = shop.product("A"), shop.product("B")
    dearer, generous = shop.buy(book), shop.buy(other)
    told(shop, dearer, captured=usd("31.00"))
    told(
        shop,
        generous,
        refunds=(RefundSnapshot("re_1", usd("30.00"), RefundState.SUCCEEDED),),
    )
    assert sorted(waiting(shop)) == ["amount_changed", "over_refund"]
    assert shop.rows("SELECT captured FROM digistore_payments ORDER BY rowid") == [(3100,), (2900,)]
    assert (access(shop, book), access(shop, other)) == ("live", "revoked")
    for kind in ("amount_changed", "over_refund"):
        found = action(shop, kind)
        assert found.choices == ("keep",)
        shop.store.payments.resolve(shop.operator, found, choice="keep", reason="asked the bank")
    told(shop, dearer, captured=usd("31.00"))
    assert waiting(shop) == []


def test_a_wish_is_answered_once_its_money_has_gone_back(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    asked = shop.store.payments.request_refund(shop.buyer, checkout.order, reason="please")
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="a part")
    assert waiting(shop) == ["refund_requested"]
    shop.store.payments.refund(shop.seller, checkout.order, reason="fine")
    assert waiting(shop) == []
    done = shop.store.payments.resolve(shop.operator, asked, choice="refund", reason="late")
    assert done.choice == "refund"
    assert given_back(shop, checkout) == [(100, "succeeded"), (2800, "succeeded")]

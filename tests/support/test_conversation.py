"""What is said and done in a paid request, until it is closed: the states that people make."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from digistore import SYSTEM, SupportRequest
from digistore.errors import AccessRequired, Forbidden, Invalid, InvalidTransition, NotFound
from digistore.support.models import SupportState
from digistore.support.rules import MOVES
from tests.conftest import Shop
from tests.support.desk import ask, bought, brought_to, now, opened, support_events

Act = Callable[[Shop, SupportRequest], Any]
ACTS: dict[str, Act] = {
    "start": lambda shop, request: shop.store.support.start(shop.seller, request),
    "staff replies": lambda shop, request: shop.store.support.reply(shop.seller, request, "So."),
    "staff asks": lambda shop, request: shop.store.support.reply(
        shop.seller, request, "Which?", ask=True
    ),
    "customer replies": lambda shop, request: shop.store.support.reply(
        shop.buyer, request, "This."
    ),
    "assign": lambda shop, request: shop.store.support.assign(
        shop.seller, request, assignee=shop.operator
    ),
    "resolve": lambda shop, request: shop.store.support.resolve(shop.seller, request),
    "reopen": lambda shop, request: shop.store.support.reopen(shop.buyer, request),
    "close": lambda shop, request: shop.store.support.close(shop.buyer, request),
}
TALK = ("start", "staff replies", "staff asks", "customer replies", "assign", "resolve")
TABLE: dict[str, dict[str, str]] = {
    # Every act that is not named here is refused, and changes nothing.
    "open": dict.fromkeys(TALK, "in_progress")
    | {"staff asks": "waiting", "customer replies": "open", "resolve": "resolved"},
    "in_progress": dict.fromkeys(TALK, "in_progress")
    | {"staff asks": "waiting", "resolve": "resolved"},
    "waiting": dict.fromkeys(TALK, "in_progress")
    | {"staff asks": "waiting", "assign": "waiting", "resolve": "resolved"},
    "resolved": {"resolve": "resolved", "reopen": "open", "close": "closed"},
    "closed": {"close": "closed"},
}


@pytest.mark.parametrize("state", TABLE)
def test_what_people_do_moves_a_request_by_the_table(shop: Shop, state: str) -> None:
    book = bought(shop)
    for act, do in ACTS.items():
        request = brought_to(shop, book, state)
        if act in TABLE[state]:
            assert do(shop, request).state == TABLE[state][act], act
        else:
            with pytest.raises(InvalidTransition) as caught:
                do(shop, request)
            assert (caught.value.noun, caught.value.now) == ("support request", state)
            assert now(shop, request) == request


def test_what_is_not_paid_cannot_be_worked_on(shop: Shop) -> None:
    request = ask(shop, bought(shop)).request
    for state in ("unpaid", "canceled"):
        assert now(shop, request).state == state
        for act, do in ACTS.items():
            with pytest.raises(InvalidTransition):
                pytest.fail(f"{act}: {do(shop, now(shop, request))}")
        shop.store.orders.cancel(shop.buyer, request.order_id)


def test_the_table_of_moves_is_the_one_of_the_rules() -> None:
    made = {
        (SupportState(old), SupportState(new))
        for old, acts in TABLE.items()
        for new in acts.values()
        if old != new
    }
    assert made == {(old, new) for old, news in MOVES.items() for new in news}


def test_a_conversation_is_kept_in_its_order(shop: Shop) -> None:
    request = opened(shop, bought(shop))
    desk = shop.store.support
    for actor, text in ((shop.buyer, "One\nand more"), (shop.seller, "Two"), (SYSTEM, "Three")):
        shop.clock.go(minutes=5)
        found = desk.reply(actor, request, text)
    said = [(one.body, one.by_staff, one.author_id) for one in found.messages]
    assert said == [
        ("One\nand more", False, shop.buyer.id),
        ("Two", True, shop.seller.id),
        ("Three", True, None),
    ]
    assert found.first_response_at == found.messages[1].at
    assert support_events(shop) == ["SupportPaid"] + ["SupportReplied"] * 3
    assert desk.my_supports(shop.buyer).items[0].messages == ()  # lists are short


def test_a_message_is_text_and_not_nothing(shop: Shop) -> None:
    request = opened(shop, bought(shop))
    wrong: tuple[Any, ...] = ("", " ", "x" * 2001, "bell \a", "nul \0", None, 7)
    for body in wrong:
        with pytest.raises(Invalid) as caught:
            shop.store.support.reply(shop.seller, request, body)
        assert set(caught.value.fields) == {"body"}
    assert now(shop, request) == request


def test_markup_is_kept_as_text(shop: Shop) -> None:
    text = "<script>alert(1)</script> {{7*7}} %s {0.__class__}"
    found = shop.store.support.reply(shop.buyer, opened(shop, bought(shop)), text)
    assert found.messages[0].body == text


def test_customer_seller_assignee_and_operators_talk_and_nobody_else(shop: Shop) -> None:
    helper, late = (shop.store.users.register(f"{name}@example.com") for name in ("helper", "late"))
    request = opened(shop, bought(shop))
    desk = shop.store.support
    desk.assign(shop.seller, request, assignee=helper)
    desk.reply(shop.buyer, request, "It is secret.")
    for reader in (shop.buyer, shop.seller, helper, shop.operator, SYSTEM):
        assert "It is secret." in [one.body for one in desk.get(reader, request).messages]
        assert desk.reply(reader, request.id, "Read.").id == request.id
    desk.assign(helper, request, assignee=late)
    for nobody in (helper, shop.new_seller("other@example.com"), shop.store.users.guest("g@x.org")):
        for act in (desk.get, desk.start, desk.resolve, desk.reopen, desk.close):
            with pytest.raises(NotFound):
                act(nobody, request)
        with pytest.raises(NotFound):
            desk.reply(nobody, request, "Let me in.")
    assert desk.get(late, request).assignee_id == late.id
    with pytest.raises(NotFound):
        desk.get(SYSTEM, "sup_unknown")


def test_the_work_is_the_staff_s_and_the_end_is_the_customer_s(shop: Shop) -> None:
    book = bought(shop)
    desk = shop.store.support
    request = opened(shop, book)
    for act in (
        lambda: desk.start(shop.buyer, request),
        lambda: desk.resolve(shop.buyer, request),
        lambda: desk.assign(shop.buyer, request, assignee=shop.buyer),
        lambda: desk.waive(shop.buyer, request, reason="x"),
    ):
        with pytest.raises(Forbidden):
            act()
    desk.resolve(shop.seller, request)
    with pytest.raises(Forbidden, match="customer"):  # there are 14 days to reopen it
        desk.close(shop.seller, request)
    assert desk.reopen(shop.seller, request).state == "open"
    desk.resolve(shop.seller, request)
    assert desk.close(shop.operator, request).state == "closed"


def test_only_somebody_that_is_there_is_assigned(shop: Shop) -> None:
    request = opened(shop, bought(shop))
    with pytest.raises(NotFound):
        shop.store.support.assign(shop.seller, request, assignee="usr_unknown")
    assert now(shop, request).state == "open"


def test_a_resolved_request_is_reopened_within_fourteen_days(shop: Shop) -> None:
    request = brought_to(shop, bought(shop), "resolved")
    desk = shop.store.support
    shop.clock.go(days=14)
    found = desk.reopen(shop.buyer, request)
    assert (found.state, found.resolved_at) == ("open", None)
    desk.resolve(shop.seller, request)
    shop.clock.go(days=14, seconds=1)
    with pytest.raises(InvalidTransition, match="too late"):
        desk.reopen(shop.buyer, request)
    assert support_events(shop) == [
        "SupportPaid",
        "SupportResolved",
        "SupportReopened",
        "SupportResolved",
    ]
    assert shop.count("payments") == 2  # at no new charge


def test_reopening_needs_live_access(shop: Shop) -> None:
    book = bought(shop)
    request = brought_to(shop, book, "resolved")
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    shop.store.payments.refund(shop.seller, purchase.order_id, reason="x")
    with pytest.raises(AccessRequired):
        shop.store.support.reopen(shop.buyer, request)


def test_what_was_resolved_closes_by_itself_when_the_window_is_over(shop: Shop) -> None:
    book = bought(shop)
    early, late = brought_to(shop, book, "resolved"), opened(shop, book, "Later")
    shop.clock.go(days=1)
    shop.store.support.resolve(shop.seller, late)
    shop.clock.go(days=13)
    assert shop.store.run_due().closed_requests == 0
    shop.clock.go(seconds=1)
    assert shop.store.run_due().closed_requests == 1
    assert (now(shop, early).state, now(shop, late).state) == ("closed", "resolved")
    shop.clock.go(days=1)
    assert shop.store.run_due().closed_requests == 1
    assert shop.store.run_due().closed_requests == 0


def test_the_window_is_the_host_s(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(reopen_window=timedelta(0))
    request = brought_to(shop, bought(shop), "resolved")
    shop.clock.go(seconds=1)
    with pytest.raises(InvalidTransition):
        shop.store.support.reopen(shop.buyer, request)


def test_who_has_a_queue_sees_what_they_work_on(shop: Shop) -> None:
    other = shop.new_seller("other@example.com")
    mine, theirs = bought(shop, "Mine"), bought(shop, "Theirs", seller=other)
    first, second = opened(shop, mine), opened(shop, theirs)
    ask(shop, mine, "Unpaid")
    queue = shop.store.support.queue

    def seen(actor: Any, state: str | None = None) -> set[str]:
        return {request.id for request in queue(actor, state=state)}

    assert seen(other) == {second.id}
    assert seen(shop.seller, "open") == {first.id}
    assert seen(shop.operator, "open") == seen(SYSTEM, "open") == {first.id, second.id}
    assert len(seen(shop.seller)) == 2
    with pytest.raises(Forbidden):
        queue(shop.buyer)
    with pytest.raises(Invalid) as caught:
        queue(shop.seller, state="lost")
    assert caught.value.fields == {"state": "unknown"}


def test_lists_come_page_by_page_newest_first(shop: Shop) -> None:
    book = bought(shop)
    made = []
    for number in range(5):
        made.append(ask(shop, book, f"Question {number}").request.id)
        shop.clock.go(seconds=number % 2)  # some at the same moment
    desk = shop.store.support
    lists = (partial(desk.my_supports, shop.buyer), partial(desk.queue, shop.seller))
    for listed in lists:
        whole = [request.id for request in listed(limit=100)]
        assert set(whole) == set(made)
        assert whole[0] == made[-1]
        pages, after = [], None
        while True:
            page = listed(limit=2, after=after)
            pages += [request.id for request in page]
            after = page.next
            if after is None:
                break
        assert pages == whole
        for wrong in (0, 101):
            with pytest.raises(Invalid):
                listed(limit=wrong)
        with pytest.raises(Invalid):
            listed(after="no cursor")
    assert desk.my_supports(shop.seller).items == ()

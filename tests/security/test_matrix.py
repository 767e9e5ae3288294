"""A against B: every operation of the API, tried by everybody of two shops that stand apart.

What each kind of actor may is the table of `tests/acceptance/test_who_may.py`, and a new operation
without a row there fails. Here two shops have the same words: what is allowed to the people of
one tells nothing of the other and changes nothing there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from digistore.errors import DigistoreError
from tests.acceptance.test_who_may import ACTORS, ANSWERS, TABLE, Try
from tests.conftest import STORES
from tests.security.telling import told
from tests.security.twins import Twins

PEOPLE = {
    # who: whose column of the table, and what they must never hear of
    "nobody": ("nobody", ("own", "others")),
    "passer": ("stranger", ("own", "others")),
    "stranger": ("stranger", ("others",)),  # who was given something in the first shop
    "buyer": ("buyer", ("others",)),
    "rival": ("stranger", ("own",)),
    "seller": ("seller", ("others",)),
    "former_seller": ("former_seller", ("others",)),
    "other": ("other", ("own",)),
}
# The cell of the matrix in which each advisory's attack lies.
ADVISED = {
    ("orders.get", "rival"): "CVE-2019-7864",
    ("orders.receipt", "rival"): "CVE-2019-7950",
    ("payments.confirm", "rival"): "CVE-2026-2010",
    ("orders.cancel", "rival"): "CVE-2026-46408",
    ("orders.get", "nobody"): "CVE-2026-25757",
    ("orders.receipt", "nobody"): "CVE-2026-22589",
    ("payments.evidence", "nobody"): "CVE-2026-25758",
    ("short_urls.disable", "nobody"): "CVE-2025-13930",
}


@pytest.fixture(scope="module", params=STORES)
def twins(request: pytest.FixtureRequest) -> Iterator[Twins]:
    with Twins.of_kind(request.param) as made:
        yield made


def cases() -> Iterator[Any]:
    for number, (operation, (answers, act)) in enumerate(TABLE.items()):
        by_column = dict(zip(ACTORS, answers.split(), strict=True))
        for place, (who, (column, hidden)) in enumerate(PEOPLE.items()):
            answer, advised = ANSWERS[by_column[column]], ADVISED.get((operation, who), "")
            name = f"{operation} by {who} {advised}".strip()
            is_played = advised or (number + place) % len(PEOPLE) == 0  # each operation once
            mark = pytest.mark.on_postgresql(one_in=1 if is_played else 0)
            yield pytest.param(who, answer, hidden, act, id=name, marks=mark)


def test_the_shops_are_worth_comparing(twins: Twins) -> None:
    twins.restore()
    own, others = twins.private["own"], twins.private["others"]
    assert {twins.buyer.id, twins.buyer.email, twins.paid.id, twins.paid.lines[0].id} <= own
    assert {twins.purchase.id, twins.request.id, twins.action.id, twins.link.id} <= own
    assert {twins.discount.id, twins.draft.id, twins.hidden.id, twins.seller.email} <= own
    assert {twins.rival.id, twins.rival.email, twins.rival.name, twins.their_order.id} <= others
    assert {twins.their_purchase.id, twins.their_request.id, twins.their_action.id} <= others
    assert {"Their confession.", "Their secret plan", "THEIR-CODE", "their-link"} <= others
    assert own.isdisjoint(others)


@pytest.mark.parametrize(("who", "refusal", "hidden", "act"), list(cases()))
def test_what_is_allowed_to_one_tells_and_changes_nothing_of_another(
    twins: Twins, who: str, refusal: type[DigistoreError] | None, hidden: tuple[str, ...], act: Try
) -> None:
    twins.restore()
    actor = twins.actor(who)
    wrote = twins.changes
    answer, error = _answer(twins, actor, act)
    assert (None if error is None else type(error)) is refusal
    assert error is None or twins.changes == wrote
    for side in hidden:
        assert twins.leaked(answer, side) == []
        if refusal is None and twins.changes != wrote:
            assert twins.rows_of(side) == twins.first_rows[side]


OWN_PEOPLE = ("nobody", "stranger", "buyer", "seller", "former_seller")
DIFFERS = {
    "catalog.find": "every shop's window is shown to everybody",
    "downloads.link": "a token is drawn anew",
}
"""Answers that are not the same again, and why."""


@pytest.mark.on_postgresql(one_in=8)
@pytest.mark.parametrize(
    "act",
    [pytest.param(act, id=name) for name, (_, act) in TABLE.items() if name not in DIFFERS],
)
def test_CVE_2026_5600_no_answer_depends_on_the_other_shop(twins: Twins, act: Try) -> None:
    """Figures too: what is read is word for word what it was when there was no other shop."""
    assert _read(twins, act, alone=True) == _read(twins, act, alone=False)


def _read(twins: Twins, act: Try, *, alone: bool) -> dict[str, object]:
    """What an operation tells the people of the first shop; nothing where it writes."""
    found: dict[str, object] = {}
    twins.restore(alone=alone)
    for who in OWN_PEOPLE:
        actor, wrote = twins.actor(who), twins.changes
        answer, error = _answer(twins, actor, act)
        if twins.changes != wrote:  # the test above looks at what it wrote
            found[who] = None
            twins.restore(alone=alone)
        else:
            found[who] = list(told(answer)), type(error)
    return found


def _answer(twins: Twins, actor: Any, act: Try) -> tuple[object, DigistoreError | None]:
    try:
        return act(twins, actor), None
    except DigistoreError as error:
        return str(error), error

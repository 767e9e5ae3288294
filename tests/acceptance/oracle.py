"""A second opinion: who may open what, and where each unit of money is, told by the bank alone.

It knows the sandbox, what buyers ordered and what operators said, and folds them as naively as
it can. Of the shop's own conclusions it takes only which payment covers an order, where two
could, and which lines a refund was split over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from digistore.errors import CheckoutNotFound
from digistore.gateways import DisputeState, RefundState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.world import Checkout
from digistore.settings import AccessPolicy, Effect
from tests.payments.end_state import Rows

BACK = {RefundState.PENDING, RefundState.SUCCEEDED}
GONE = {DisputeState.LOST, DisputeState.PREVENTED}
TAKEN = {DisputeState.OPEN, *GONE}
STRICTNESS = ("live", "suspended", "revoked")
OF_EFFECT: Mapping[Effect | None, str] = {
    Effect.KEEP: "live",
    Effect.SUSPEND: "suspended",
    Effect.REVOKE: "revoked",
}
OUTCOMES = {"live": "opened", "standby": "standby", "suspended": "held", "revoked": "closed"}
Holder: TypeAlias = tuple[str, str]
"""A user and a product."""


@dataclass
class Line:
    """What was ordered, for whom; *outcome* says what it came to in the shop."""

    id: str
    kind: str
    holder: Holder
    total: int
    allow_repeat: bool


@dataclass
class Order:
    """What was ordered at once, and the checkouts at which it could be paid."""

    id: str
    state: str
    canceled: bool
    total: int
    currency: str
    lines: list[Line] = field(default_factory=list)
    checkouts: list[Checkout] = field(default_factory=list)
    covering: str | None = None


@dataclass
class Oracle:
    """The bank's books beside the shop's."""

    rows: Rows
    sandbox: SandboxGateway
    policy: AccessPolicy
    operators: Mapping[str, str] = field(default_factory=dict)
    """The last word of an operator on each purchase, by its id."""

    def orders(self) -> list[Order]:
        """All orders with their lines and the checkouts that the bank knows of."""
        found = {
            order_id: Order(order_id, state, bool(canceled), total, currency)
            for order_id, state, canceled, total, currency in self.rows(
                "SELECT id, state, canceled_at IS NOT NULL, total, currency FROM digistore_orders"
            )
        }
        for order_id, line_id, kind, user, product, total, repeat in self.rows(
            "SELECT order_id, id, kind, beneficiary_id, product_id, total, allow_repeat"
            " FROM digistore_order_lines ORDER BY position"
        ):
            line = Line(line_id, kind, (user, product), total, bool(repeat))
            found[order_id].lines.append(line)
        for order_id, checkout_id in self.rows(
            "SELECT order_id, checkout_id FROM digistore_payment_attempts"
            " WHERE checkout_id IS NOT NULL"
        ):
            found[order_id].checkouts.append(self.sandbox.look_up(checkout_id))
        for order_id, ref in self.rows(
            "SELECT order_id, ref FROM digistore_payments WHERE cover_key = 1"
        ):
            found[order_id].covering = ref
        return list(found.values())

    # Access.

    def sufficient(self, order: Order) -> set[str]:
        """The payments any of which pays for *order*: enough, and in its currency."""
        at_bank = {
            checkout.own_payment_id
            for checkout in order.checkouts
            if checkout.captured is not None
            and checkout.captured.currency == order.currency
            and checkout.captured.amount >= order.total
        }
        elsewhere = {
            ref
            for (ref,) in self.rows(
                "SELECT ref FROM digistore_payments WHERE gateway = 'external'"
                f" AND order_id = '{order.id}' AND captured >= {order.total}"
            )
        }
        return at_bank | elsewhere | ({order.id} if order.total == 0 else set())

    def worths(self, order: Order) -> Iterator[tuple[Line, str]]:
        """What each line of a paid order is worth: live, suspended or revoked."""
        split: dict[tuple[str, str], int] = {
            (ref, line): amount
            for ref, line, amount in self.rows(
                "SELECT r.ref, l.order_line_id, l.amount FROM digistore_refund_lines l"
                " JOIN digistore_refunds r ON r.id = l.refund_id"
            )
        }
        chosen = {
            ref: Effect(access)
            for ref, access in self.rows(
                "SELECT ref, access FROM digistore_refunds WHERE access IS NOT NULL"
            )
        }
        taken = {
            line: ref
            for ref, line in self.rows(
                "SELECT d.ref, l.order_line_id FROM digistore_dispute_lines l"
                " JOIN digistore_disputes d ON d.id = l.dispute_id WHERE d.assigned = 1"
            )
        }
        purchases: dict[Any, Any] = dict(
            self.rows("SELECT order_line_id, id FROM digistore_purchased_products")
        )
        paid_at = [one for one in order.checkouts if one.own_payment_id == order.covering]
        refunds = [one.told for pay in paid_at for one in pay.refunds if one.told.state in BACK]
        disputes = [one for pay in paid_at for one in pay.disputes]
        for line in order.lines:
            parts = {one.id: split.get((one.id, line.id), 0) for one in refunds}
            words = ["live"]
            if line.total and sum(parts.values()) >= line.total:
                words.append("revoked")
            elif line.kind == "product":
                words += [
                    OF_EFFECT[chosen.get(ref, self.policy.partial_refund)]
                    for ref, part in parts.items()
                    if part
                ]
            words += [self._word(order, line, one, taken) for one in disputes]
            words.append(self.operators.get(purchases.get(line.id, ""), "live"))
            yield line, max(words, key=STRICTNESS.index)

    def _word(self, order: Order, line: Line, dispute: Any, taken: Mapping[str, str]) -> str:  # noqa: PLR0911  one answer for each case
        if dispute.state is DisputeState.WARNING:
            return OF_EFFECT[self.policy.dispute_warning]
        if dispute.state is DisputeState.OPEN:
            return OF_EFFECT[self.policy.dispute_opened]
        if dispute.state not in GONE:
            return "live"
        all_of_it = len(order.lines) == 1 or dispute.money.amount >= order.total
        assigned = dispute.id in self._assigned()
        if not all_of_it and not assigned:
            return "suspended"
        if not all_of_it and (dispute.id, line.id) not in self._taken():
            return "live"
        if dispute.state is DisputeState.PREVENTED:
            return "revoked"
        return OF_EFFECT[self.policy.dispute_lost]

    def _assigned(self) -> set[str]:
        return {
            ref for (ref,) in self.rows("SELECT ref FROM digistore_disputes WHERE assigned = 1")
        }

    def _taken(self) -> set[tuple[str, str]]:
        return {
            (ref, line)
            for ref, line in self.rows(
                "SELECT d.ref, l.order_line_id FROM digistore_dispute_lines l"
                " JOIN digistore_disputes d ON d.id = l.dispute_id"
            )
        }

    def check_paid(self) -> None:
        """An order is paid if, and only if, the bank has enough for it."""
        for order in self.orders():
            enough = self.sufficient(order)
            if enough and not order.canceled:
                assert order.state == "paid", f"{order.id} is {order.state}, but paid by {enough}"
            if order.state == "paid":
                assert order.covering in enough, f"{order.id} is paid by nothing"

    def check_access(self) -> None:
        """Who has access is who the money says has it, and it is the right purchase that waits."""
        worths: dict[Holder, dict[str, str]] = defaultdict(dict)
        for order in self.orders():
            if order.covering is not None:
                for line, worth in self.worths(order):
                    if line.kind == "product":
                        worths[line.holder][line.id] = worth
        held: dict[Holder, dict[str, str]] = defaultdict(dict)
        for user, product, line_id, state, outcome in self.rows(
            "SELECT p.user_id, p.product_id, p.order_line_id, p.state, l.outcome"
            " FROM digistore_purchased_products p"
            " JOIN digistore_order_lines l ON l.id = p.order_line_id"
        ):
            held[user, product][line_id] = state
            assert outcome == OUTCOMES[state], f"{line_id} is {outcome}, its purchase {state}"
        assert held.keys() == worths.keys()
        for holder, by_line in worths.items():
            states = held[holder]
            seen = {line: state.replace("standby", "live") for line, state in states.items()}
            assert seen == by_line, f"{holder}: {states}, but the bank says {by_line}"
            live = list(states.values()).count("live")
            assert live == ("live" in by_line.values()), f"{holder}: {states}"

    def check_support(self) -> None:
        """Help that is paid is at work, unless nobody may open the product or its money is back."""
        states: dict[Any, Any] = dict(
            self.rows("SELECT order_line_id, state FROM digistore_support_requests")
        )
        asked = {
            subject
            for (subject,) in self.rows(
                "SELECT subject FROM digistore_payment_actions"
                " WHERE kind = 'support_without_access'"
            )
        }
        for order in self.orders():
            for line in order.lines:
                if line.kind == "support" and order.covering is None:
                    assert states[line.id] in {"unpaid", "canceled"}
            if order.covering is None:
                continue
            for line, worth in self.worths(order):
                if line.kind != "support" or line.id in asked:
                    continue
                if worth == "live":
                    assert states[line.id] not in {"unpaid", "canceled"}, line
                if worth == "revoked":
                    assert states[line.id] in {"canceled", "resolved", "closed"}, line

    # Money.

    def check_money(self, *, duplicates: str) -> None:
        """No unit is lost: it covers, is back, or somebody has been asked (I6)."""
        known = {
            ref: (captured, currency, disposition, payment_id)
            for ref, captured, currency, disposition, payment_id in self.rows(
                "SELECT ref, captured, currency, disposition, id FROM digistore_payments"
            )
        }
        for checkout in self._checkouts():
            captured = checkout.captured
            if captured is None:
                continue
            assert checkout.own_payment_id in known, f"{captured} were never heard of"
            amount, currency, disposition, payment_id = known[checkout.own_payment_id]
            assert (amount, currency) == (captured.amount, captured.currency)
            assert disposition is not None
            if disposition != "covering":
                self._check_idle(checkout, payment_id)
            if disposition == "duplicate" and duplicates == "refund":
                keys = self.rows(
                    "SELECT ref FROM digistore_refunds"
                    f" WHERE key = 'rf:dup:{payment_id}' AND ref IS NOT NULL"
                )
                assert len(keys) <= 1
                if len(checkout.refunds) == 1 and not checkout.disputes:
                    assert checkout.refunds[0].told.money == captured

    def _check_idle(self, checkout: Checkout, payment_id: str) -> None:
        assert checkout.captured is not None
        back = sum(one.told.money.amount for one in checkout.refunds if one.told.state in BACK)
        taken = sum(one.money.amount for one in checkout.disputes if one.state in TAKEN)
        if back + taken < checkout.captured.amount:
            asked = self.rows(
                "SELECT kind FROM digistore_payment_actions"
                f" WHERE payment_id = '{payment_id}' AND (open_key = 1 OR choice = 'keep')"
            )
            assert asked, f"{checkout.captured} opened nothing and lie at {checkout.id}"

    def check_refunds(self) -> None:
        """Each refund at the bank is in the books once, in its state, and none waits unsent."""
        told = {
            one.told.id: (one.told.money.amount, str(one.told.state))
            for checkout in self._checkouts()
            for one in checkout.refunds
        }
        booked = self.rows(
            "SELECT ref, amount, state FROM digistore_refunds"
            " WHERE ref IS NOT NULL AND gateway = 'sandbox'"
        )
        assert sorted((ref, (amount, state)) for ref, amount, state in booked) == sorted(
            told.items()
        )
        unsent = "SELECT key FROM digistore_refunds WHERE state IN ('requested', 'unknown')"
        assert self.rows(unsent) == []

    def check_disputes(self) -> None:
        """Of each dispute the bank's last word is in the books."""
        told = {
            one.id: str(one.state) for checkout in self._checkouts() for one in checkout.disputes
        }
        assert dict(self.rows("SELECT ref, state FROM digistore_disputes")) == told

    def _checkouts(self) -> Iterable[Checkout]:
        for (checkout_id,) in self.rows(
            "SELECT checkout_id FROM digistore_payment_attempts WHERE checkout_id IS NOT NULL"
        ):
            try:
                yield self.sandbox.look_up(checkout_id)
            except CheckoutNotFound:  # pragma: no cover - the sandbox forgets nothing
                continue

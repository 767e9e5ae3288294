"""(c) a payment told by a webhook and settled, (d) the same message again."""

from __future__ import annotations

import re
import secrets
from typing import Any, TypeAlias

from benchmarks.runner import Case, Table, Way, interleave, prepared, repeat
from benchmarks.shops import FULL, Place, recording, say

Message: TypeAlias = tuple[bytes, dict[str, str]]
Statements: TypeAlias = list[tuple[str, Any]]
WHY = {
    "settle": "a file is so near that what is decided between the statements shows: typed values"
    " bound and read, the rules of the money, two fetches at the gateway, the signature",
    "replay": "the signature is verified and the body parsed before anything is asked; by hand"
    " neither was done",
}


class Till:
    """Sells one product to one buyer after another, so that no two payments share a row."""

    def __init__(self, place: Place) -> None:
        """Put it on sale."""
        self.place = place
        self.product = place.shop.product("On sale at the till")
        self.sold = place.shop.count("users")

    def open_orders(self, many: int) -> list[Any]:
        """Have *many* buyers check out."""
        found = []
        for _ in range(many):
            self.sold += 1
            buyer = self.place.store.users.ensure(f"till-{self.sold}", email="till@example.com")
            found.append(self.place.shop.checkout(self.product, buyer))
        return found

    def messages(self, many: int) -> list[Message]:
        """Have *many* of them pay, and return what tells of it."""
        return [self.place.shop.sandbox.pay(one) for one in self.open_orders(many)]


class Replayer:
    """Says of other orders, by hand, what the library has said when it settled one."""

    def __init__(self, till: Till) -> None:
        """Let the library settle one."""
        self._till = till
        [order] = till.open_orders(1)
        self.message: Message = till.place.shop.sandbox.pay(order)
        with recording(till.place) as said:
            till.place.shop.deliver(self.message)
        self.statements: Statements = list(said)
        self._names = self._named(order)

    def prepare(self, many: int) -> list[Statements]:
        """Return the statements for *many* other orders."""
        return [self._for(self._named(one)) for one in self._till.open_orders(many)]

    def _named(self, checkout: Any) -> list[str]:  # noqa: ANN401  a Checkout
        order = checkout.order
        [(attempt, gateway)] = self._till.place.shop.rows(
            f"SELECT id, checkout_id FROM digistore_payment_attempts WHERE order_id = '{order.id}'"  # noqa: S608  an id of ours
        )
        return [order.id, order.lines[0].id, order.buyer_id, attempt, gateway]

    def _for(self, names: list[str]) -> Statements:
        known = dict(zip(self._names, names, strict=True))

        def another(found: re.Match[str]) -> str:
            return known.setdefault(found[0], found[1] + secrets.token_hex(32)[: len(found[2])])

        def renamed(value: Any) -> Any:  # noqa: ANN401  what was bound
            if isinstance(value, str):
                return _IDS.sub(another, value)
            if isinstance(value, dict):
                return {key: renamed(one) for key, one in value.items()}
            return type(value)(map(renamed, value)) if isinstance(value, list | tuple) else value

        return [(text, renamed(values)) for text, values in self.statements]


def settle(place: Place, rounds: int, synchronous: str = FULL) -> Table:
    """(c) through the whole webhook: signature, inbox, gateway, settling, outbox."""
    till = Till(place)
    with place.synchronous(synchronous):
        replayer = Replayer(till)

        def floor() -> Case:
            driver = place.driver(synchronous)
            return prepared(replayer.prepare, lambda statements: say(driver, statements))

        ways = {
            "handle_webhook": Way(
                prepared(till.messages, place.shop.deliver), place.goal(1.5, 0.8), WHY["settle"]
            )
        }
        table = interleave(
            place.subject("c", "settle", synchronous),
            floor,
            ways,
            rounds=rounds,
            between=place.checkpoint,
            notes=[f"Floor: the {len(replayer.statements)} statements of the whole webhook."],
        )
    [(sold,)] = place.shop.rows(_SOLD.format(till.product.id))
    [(opened,)] = place.shop.rows(_OPENED.format(till.product.id))
    if sold != opened:
        raise AssertionError
    return table


def replay(place: Place, rounds: int, synchronous: str = FULL) -> Table:
    """(d) of a message that was settled, beside what one writes by hand: insert or do nothing."""
    with place.synchronous(synchronous):
        replayer = Replayer(Till(place))
        insert = next(one for one in replayer.statements if "INSERT" in one[0])
        begin = "BEGIN IMMEDIATE" if place.is_sqlite else "BEGIN"
        by_hand = [(begin, None), insert, ("COMMIT", None)]

        def floor() -> Case:
            driver = place.driver(synchronous)
            return repeat(lambda: say(driver, by_hand))

        before = place.shop.count("provider_events")
        ways = {
            "handle_webhook": Way(
                repeat(lambda: place.shop.deliver(replayer.message)), 1.0, WHY["replay"]
            ),
            "its one statement": Way(_reading(place, replayer.statements[:1])),
        }
        subject = place.subject("d", "the same message again", synchronous)
        notes = ["Floor: BEGIN, the insert that does nothing, COMMIT. The signature is ours alone."]
        table = interleave(subject, floor, ways, rounds=rounds, notes=notes)
    if place.shop.count("provider_events") != before:
        raise AssertionError
    return table


def _reading(place: Place, statements: Statements) -> Case:
    driver = place.driver()
    return repeat(lambda: say(driver, statements))


_IDS = re.compile(r"\b((?:ord|lin|usr|att|pay|pur|evt|pev|cs|pi)_)([A-Za-z0-9]{22,24})\b")
_SOLD = "SELECT count(*) FROM digistore_order_lines WHERE product_id = '{}'"
_OPENED = "SELECT count(*) FROM digistore_purchased_products WHERE product_id = '{}'"

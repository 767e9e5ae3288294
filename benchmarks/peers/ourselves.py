"""The library itself, by the floor that the other packages have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

from benchmarks.entitlements import keys
from benchmarks.payments import Till
from benchmarks.peers.by_hand import PURCHASES
from benchmarks.peers.writing import Peer, measure
from benchmarks.runner import prepared, repeat
from benchmarks.shops import NORMAL, sqlite_place

SETTLED = (
    "webhook of the sandbox: signature, event kept, order locked, facts, payment, access by its "
    "ledger, audit, outbox"
)


def peers(folder: Path) -> Iterator[tuple[str, str, Peer]]:
    """Open a shop with as many purchases as the floor has."""
    with sqlite_place(folder, PURCHASES) as place, place.synchronous(NORMAL):
        entitlements, till = place.store.entitlements, Till(place)
        turn = cycle(keys(PURCHASES))
        [again] = till.messages(1)
        place.shop.deliver(again)
        check = repeat(lambda: entitlements.check(*next(turn)))
        page = repeat(lambda: entitlements.my_products("usr_3"))
        settle = prepared(till.messages, place.shop.deliver)
        replay = repeat(lambda: place.shop.deliver(again))
        yield "a", "check", (check, "purchase, state, latest release: one query, models made of it")
        yield "f", "my_products", (page, "20 purchases, each with its product, shelves and release")
        yield "c", "handle_webhook", (settle, SETTLED)
        yield "d", "handle_webhook", (replay, "signature checked, event found")


if __name__ == "__main__":
    measure("digistore", peers)

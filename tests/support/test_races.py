"""What the staff does with a request while its money moves."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from digistore.database import Call
from digistore.entitlements import ProductLines
from digistore.errors import InvalidTransition
from digistore.orders.kinds import LineKind
from digistore.support import SupportLines
from digistore.testing import FrozenClock
from tests.conftest import Shop
from tests.extent import extent
from tests.past import database_of
from tests.races import Race
from tests.support.desk import bought, checkout_of, now, opened


@pytest.mark.parametrize("kind", [ProductLines(), SupportLines()])
def test_what_waits_for_a_lock_reads_nothing_beside_its_row(shop: Shop, kind: LineKind) -> None:
    """PostgreSQL reads the row again that it waited for, and all else as it was before."""
    dialect = database_of(shop.store).engine.dialect
    reads = [one for one in kind.reads("ord_1") if isinstance(one, Call)]
    texts = [one.prepared.text(dialect) for one in reads]
    assert texts
    assert [one for one in texts if "FOR UPDATE" in one and "digistore_audit" in one] == []


@pytest.mark.long
def test_a_request_that_is_begun_beside_the_return_of_its_money_ends(
    race: Race, clock: FrozenClock
) -> None:
    shop = Shop(race.store, race.sandbox, clock)
    book = bought(shop)

    def begin(request: Any, store: Any) -> Any:
        return store.support.start(shop.seller, request)

    def deliver(signed: Any, store: Any) -> Any:
        return store.payments.handle_webhook("sandbox", *signed)

    for _ in range(extent(3, 150)):
        request = opened(shop, book)
        signed = race.sandbox.dashboard_refund(checkout_of(shop, request))
        told = race.at_once(partial(begin, request), partial(deliver, signed))
        assert isinstance(told[0], InvalidTransition | type(request)), told
        assert told[1].result == "settled"
        assert now(shop, request).state == "canceled"

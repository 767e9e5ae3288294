"""Events say what happened by ids and times; nothing personal has a place in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from digistore import events
from digistore.events import EVENT_TYPES, Event, OrderPaid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
API = """
    OrderPaid OrderExpired AccessGranted AccessSuspended AccessRestored AccessRevoked
    RefundSucceeded RefundFailed RefundRequested DisputeOpened DisputeClosed DuplicateReturned
    ActionNeeded ReleasePublished ReleaseYanked GiftReceived ClaimStarted SupportPaid
    SupportReplied SupportResolved SupportReopened SupportCanceled
"""
KINDS = pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)


def leaves(kind: type[Event]) -> Iterator[type[Event]]:
    below = kind.__subclasses__()
    if not kind.__name__.startswith("_") and kind is not Event:
        yield kind
    for one in below:
        yield from leaves(one)


def an_event(kind: type[Event]) -> Event:
    words = dict.fromkeys(kind.model_fields, "x_1")
    return kind.model_validate({**words, "at": NOON})


def test_the_list_has_the_events_of_the_api_and_every_class_there_is() -> None:
    assert sorted(EVENT_TYPES) == sorted(API.split())
    defined = {kind for kind in leaves(Event) if kind.__module__ == events.__name__}
    assert set(EVENT_TYPES.values()) == defined


@KINDS
def test_an_event_carries_its_id_time_actor_and_the_ids_of_its_nouns(kind: type[Event]) -> None:
    fields = set(kind.model_fields)
    assert {"id", "at", "actor"} <= fields
    rest = fields - {"id", "at", "actor", "kind", "state"}  # the last two are closed words
    assert rest
    assert all(name.endswith("_id") for name in rest)


@KINDS
def test_an_event_names_its_subject(kind: type[Event]) -> None:
    assert kind.about in kind.model_fields
    assert an_event(kind).subject == "x_1"


@KINDS
def test_an_event_never_changes_and_takes_nothing_unknown(kind: type[Event]) -> None:
    event: Any = an_event(kind)
    with pytest.raises(ValidationError):
        event.actor = "somebody"
    with pytest.raises(ValidationError):
        kind.model_validate({**event.model_dump(), "email": "buyer@example.com"})


@KINDS
def test_an_event_comes_back_from_json_as_it_was(kind: type[Event]) -> None:
    event = an_event(kind)
    assert kind.model_validate_json(event.model_dump_json()) == event


def test_events_of_two_types_about_one_thing_differ() -> None:
    paid = an_event(OrderPaid)
    assert isinstance(paid, OrderPaid)
    assert paid != an_event(events.OrderExpired)

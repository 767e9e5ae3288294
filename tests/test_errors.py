"""One tree of errors: a stable word, named attributes, a message that says what to do."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from digistore import errors
from digistore.errors import (
    AccessRequired,
    AlreadyExists,
    AlreadyOwned,
    AmountNotSupported,
    Busy,
    CheckoutNotFound,
    CodeSpaceExhausted,
    CodeTaken,
    ConfigError,
    Conflict,
    DamagedFile,
    DigistoreError,
    Forbidden,
    GatewayConfigError,
    GatewayError,
    GatewayKeyConflict,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    IdempotencyConflict,
    InsideTransaction,
    Invalid,
    InvalidSignature,
    InvalidTransition,
    MalformedEvent,
    NotForSale,
    NotFound,
    NothingToDeliver,
    NotRefundable,
    PasswordRequired,
    PaymentInFlight,
    ReadOnlyReplica,
    StaleRead,
    TooManyAttempts,
    TransactionFailed,
    Unsupported,
    http_status,
)
from digistore.money import Money

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEFT = Money("4.00", "USD")

EXAMPLES: dict[DigistoreError, int] = {
    NotFound("order", "ord_1"): 404,
    CheckoutNotFound("checkout", "cs_1"): 404,
    Forbidden("only an operator may do this", reason="operator_needed"): 403,
    PasswordRequired(wrong=True): 403,
    Conflict("something else is true now"): 409,
    AlreadyOwned("prd_1", "pur_1"): 409,
    PaymentInFlight("ord_1", NOON): 409,
    InvalidTransition("order", "paid", "canceled", hint="refund it"): 409,
    IdempotencyConflict("click-1"): 409,
    AlreadyExists("user", "email"): 409,
    CodeTaken("short URL", "code"): 409,
    NotForSale("prd_1"): 409,
    NothingToDeliver("prd_1"): 409,
    AccessRequired("prd_1", "suspended"): 409,
    NotRefundable("in dispute", LEFT): 409,
    CodeSpaceExhausted("use longer codes"): 409,
    Invalid("not usable", fields={"title": "too_long"}): 422,
    AmountNotSupported("too small", nearest=[LEFT]): 422,
    TooManyAttempts(NOON): 429,
    GatewayError("it said no", provider_code="declined", order_id="ord_1"): 502,
    GatewayUnavailable("no answer"): 502,
    GatewayRateLimited("later"): 502,
    GatewayConfigError("wrong key"): 502,
    GatewayRejected("no"): 502,
    GatewayKeyConflict("other content"): 502,
    Unsupported("refund"): 502,
    InvalidSignature("not from the gateway"): 400,
    MalformedEvent("not an event"): 400,
    Busy("try again"): 503,
    InsideTransaction("a call to a payment provider", "call it before"): 500,
    ReadOnlyReplica("a change"): 500,
    StaleRead("entitlements.check"): 500,
    TransactionFailed("roll it back"): 500,
    DamagedFile("not what was published"): 503,
    ConfigError("no secret"): 500,
    DigistoreError("something"): 500,
}


def defined() -> set[type[DigistoreError]]:
    return {
        found
        for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, DigistoreError)
    }


@pytest.mark.parametrize(
    ("error", "status"), EXAMPLES.items(), ids=[type(error).__name__ for error in EXAMPLES]
)
def test_every_error_has_its_http_status(error: DigistoreError, status: int) -> None:
    assert http_status(error) == status


def test_every_class_has_an_example_above_and_a_place_in_the_drawing() -> None:
    assert {type(error) for error in EXAMPLES} == defined()
    drawn = set(re.findall(r"[A-Z][A-Za-z]+", errors.__doc__ or ""))
    assert {kind.__name__ for kind in defined()} <= drawn


def test_codes_are_stable_words_and_tell_the_classes_apart() -> None:
    codes = [kind.code for kind in defined()]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_one_except_clause_catches_all_and_builtin_families_fit() -> None:
    assert all(issubclass(kind, DigistoreError) for kind in defined())
    assert issubclass(NotFound, LookupError)
    assert issubclass(Invalid, ValueError)


def test_a_class_of_ones_own_has_the_status_of_its_family() -> None:
    class TooLate(Conflict):
        """A host's own."""

    assert http_status(TooLate("it is over")) == 409


def test_E1_not_found_says_the_noun_and_never_what_was_asked_for() -> None:
    error = NotFound("order", "ord_of_somebody_else")
    assert (error.noun, error.ref) == ("order", "ord_of_somebody_else")
    assert "ord_of_somebody_else" not in str(error)
    assert str(error) == str(NotFound("order"))


def test_an_idempotency_key_is_carried_and_not_shown() -> None:
    error = IdempotencyConflict("a key of the host's")
    assert error.key == "a key of the host's"
    assert error.key not in str(error)


def test_attributes_carry_what_a_program_needs() -> None:
    owned = AlreadyOwned("prd_1", "pur_1", "live")
    assert (owned.product_id, owned.purchase_id, owned.state) == ("prd_1", "pur_1", "live")
    flight = PaymentInFlight("ord_1", NOON)
    assert (flight.order_id, flight.since) == ("ord_1", NOON)
    move = InvalidTransition("order", "paid", "canceled")
    assert (move.noun, move.now, move.new) == ("order", "paid", "canceled")
    exists = AlreadyExists("user", "email")
    assert (exists.noun, exists.field) == ("user", "email")
    access = AccessRequired("prd_1", "suspended")
    assert (access.product_id, access.reason) == ("prd_1", "suspended")
    refund = NotRefundable("in dispute", LEFT)
    assert (refund.reason, refund.left) == ("in dispute", LEFT)
    amount = AmountNotSupported("too small", nearest=[LEFT])
    assert (amount.nearest, amount.fields) == ((LEFT,), {"amount": "not_supported"})
    gateway = GatewayError("no", provider_code="declined", order_id="ord_1")
    assert (gateway.provider_code, gateway.order_id) == ("declined", "ord_1")
    assert Unsupported("refund").capability == "refund"
    assert TooManyAttempts(NOON).retry_at == NOON
    assert Forbidden("no").reason == "forbidden"
    assert NotForSale("prd_1").product_id == NothingToDeliver("prd_1").product_id == "prd_1"
    assert Invalid("no").fields == {}


def test_the_fields_of_an_error_are_its_own() -> None:
    fields = {"title": "too_long"}
    error = Invalid("not usable", fields=fields)
    fields["secret"] = "added later"
    assert error.fields == {"title": "too_long"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AlreadyOwned("prd_1", "pur_1"), "allow_repeat=True"),
        (InvalidTransition("order", "paid", "canceled", hint="refund it"), "refund it"),
        (NotRefundable("more than was paid", LEFT), "4.00 USD is left"),
        (NothingToDeliver("prd_1"), "publish a release first"),
        (PaymentInFlight("ord_1", NOON), "wait for its outcome"),
        (AlreadyExists("user", "email"), "choose another email"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_message_says_what_to_do(error: DigistoreError, words: str) -> None:
    assert words in str(error)

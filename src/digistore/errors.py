"""All that digistore raises on purpose; one ``except DigistoreError`` catches it.

::

    DigistoreError                   ``code`` is stable and public, the message may improve
    ├─ NotFound (LookupError)   404  no such id, or none that this actor may know of
    │  └─ CheckoutNotFound           the gateway does not know it
    ├─ Forbidden                403  known to the actor, but not theirs to do
    │  └─ PasswordRequired           a short link asks for its password
    ├─ Conflict                 409
    │  ├─ AlreadyOwned               carries the live purchase
    │  ├─ PaymentInFlight            carries the order and since when
    │  ├─ InvalidTransition          carries noun, now, new
    │  ├─ IdempotencyConflict        carries the key: same key, other content
    │  ├─ AlreadyExists              carries the field: taken, as it must be unique
    │  │  └─ CodeTaken               another short link has this code
    │  ├─ NotForSale, NothingToDeliver, AccessRequired
    │  ├─ NotRefundable              carries what is left, and why
    │  └─ CodeSpaceExhausted         no free short code was found
    ├─ Invalid (ValueError)     422  carries the fields
    │  └─ AmountNotSupported         carries the nearest valid amounts
    ├─ TooManyAttempts          429  carries when to try again
    ├─ GatewayError             502  carries the provider's own code; its cause is kept
    │  ├─ GatewayUnavailable         no answer: the outcome is unknown, repeat with the same key
    │  ├─ GatewayRateLimited         refused before any work
    │  ├─ GatewayConfigError         key, mode or account refused in a call
    │  ├─ GatewayRejected            the gateway says no
    │  ├─ GatewayKeyConflict         same key, other request
    │  ├─ Unsupported                the gateway lacks a capability
    │  ├─ InvalidSignature      400  not from the gateway
    │  └─ MalformedEvent        400  signed, but not an event
    ├─ Busy                     503  database or storage; says whether the outcome is unknown
    ├─ DamagedFile              503  stored bytes are not what was published
    ├─ InsideTransaction        500  not to be done while a transaction of the host's is open
    ├─ ReadOnlyReplica          500  not to be done on a read replica, which nothing is written to
    ├─ StaleRead                500  a decision on access, asked of a replica that may lag behind
    ├─ TransactionFailed        500  the host's transaction has failed: roll it back
    └─ ConfigError                   only where a store or gateway is made
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from digistore.money import Money  # money raises Invalid: at run time the arrow is its own


class DigistoreError(Exception):
    """The base of every error that digistore raises on purpose."""

    code: ClassVar[str] = "error"


class NotFound(DigistoreError, LookupError):
    """There is no such thing, or none that this actor may know of."""

    code: ClassVar[str] = "not_found"

    def __init__(self, noun: str, ref: object = None, *, hint: str = "") -> None:
        """Name the *noun*; *ref* is what was asked for and is not part of the message."""
        super().__init__(f"no such {noun}, or none that you may see{hint and ': '}{hint}")
        self.noun = noun
        self.ref = ref


class CheckoutNotFound(NotFound):
    """The gateway does not know this checkout or payment."""

    code: ClassVar[str] = "checkout_not_found"


class Forbidden(DigistoreError):
    """The actor knows of it, but it is not theirs to do."""

    code: ClassVar[str] = "forbidden"

    def __init__(self, message: str, *, reason: str = "forbidden") -> None:
        """Say who may do it; *reason* is a stable word for programs."""
        super().__init__(message)
        self.reason = reason


class PasswordRequired(Forbidden):
    """A short link asks for its password; ``wrong`` says whether one was given and is not it."""

    code: ClassVar[str] = "password_required"

    def __init__(self, *, wrong: bool = False) -> None:
        """Say whether a wrong one was given."""
        told = "this is not the password of the link" if wrong else "the link asks for a password"
        super().__init__(told, reason=self.code)
        self.wrong = wrong


class Conflict(DigistoreError):
    """What is asked for does not fit what is true now."""

    code: ClassVar[str] = "conflict"


class AlreadyOwned(Conflict):
    """The buyer already has live access; ``purchase_id`` and ``state`` tell which."""

    code: ClassVar[str] = "already_owned"

    def __init__(self, product_id: str, purchase_id: str, state: str = "live") -> None:
        """Name the purchase that is already there."""
        super().__init__(
            f"product {product_id} is already owned by purchase {purchase_id}; "
            "pass allow_repeat=True if the customer wants to buy it again"
        )
        self.product_id = product_id
        self.purchase_id = purchase_id
        self.state = state


class PaymentInFlight(Conflict):
    """Money is on its way; ``order_id`` and ``since`` tell for what."""

    code: ClassVar[str] = "payment_in_flight"

    def __init__(self, order_id: str, since: datetime) -> None:
        """Name the order whose payment is pending, and since when."""
        super().__init__(f"a payment for order {order_id} is on its way; wait for its outcome")
        self.order_id = order_id
        self.since = since


class InvalidTransition(Conflict):
    """The thing cannot become what was asked from where it is."""

    code: ClassVar[str] = "invalid_transition"

    def __init__(self, noun: str, now: str, new: str, hint: str = "") -> None:
        """Name the noun, its state now and the state that was asked for."""
        super().__init__(f"{noun} is {now}; it cannot become {new}{hint and ': '}{hint}")
        self.noun = noun
        self.now = now
        self.new = new


class IdempotencyConflict(Conflict):
    """The same key was used before, for other content."""

    code: ClassVar[str] = "idempotency_conflict"

    def __init__(self, key: str) -> None:
        """Carry the key."""
        super().__init__("this key was used for other content; use a new key for a new request")
        self.key = key


class AlreadyExists(Conflict):
    """Something with this value is there already, and the value must be unique."""

    code: ClassVar[str] = "already_exists"

    def __init__(self, noun: str, field: str) -> None:
        """Name the noun and the field whose value is taken."""
        super().__init__(f"a {noun} with this {field} exists already; choose another {field}")
        self.noun = noun
        self.field = field


class CodeTaken(AlreadyExists):
    """Another short link of the same domain has this code, be it a disabled one."""

    code: ClassVar[str] = "code_taken"


class NotForSale(Conflict):
    """The product is not on sale now."""

    code: ClassVar[str] = "not_for_sale"

    def __init__(self, product_id: str) -> None:
        """Name the product."""
        super().__init__(f"product {product_id} is not on sale")
        self.product_id = product_id


class NothingToDeliver(Conflict):
    """The product has no published stable release with a file."""

    code: ClassVar[str] = "nothing_to_deliver"

    def __init__(self, product_id: str) -> None:
        """Name the product."""
        super().__init__(f"product {product_id} has nothing to deliver; publish a release first")
        self.product_id = product_id


class AccessRequired(Conflict):
    """Support needs live access to its product; ``reason`` says why there is none."""

    code: ClassVar[str] = "access_required"

    def __init__(self, product_id: str, reason: str) -> None:
        """Name the product and why its access is not live."""
        super().__init__(f"support for product {product_id} needs live access: {reason}")
        self.product_id = product_id
        self.reason = reason


class NotRefundable(Conflict):
    """This cannot be refunded; ``left`` is what still can, ``reason`` says why."""

    code: ClassVar[str] = "not_refundable"

    def __init__(self, reason: str, left: Money | None = None) -> None:
        """Say why, and what is left."""
        remains = "" if left is None else f"; {left} is left"
        super().__init__(f"not refundable: {reason}{remains}")
        self.reason = reason
        self.left = left


class CodeSpaceExhausted(Conflict):
    """No free short code was found within the bounded number of draws."""

    code: ClassVar[str] = "code_space_exhausted"


class Invalid(DigistoreError, ValueError):
    """The input cannot be used; ``fields`` maps each field to a stable word."""

    code: ClassVar[str] = "invalid"

    def __init__(self, message: str, *, fields: Mapping[str, str] | None = None) -> None:
        """Say what is wrong without echoing the input."""
        super().__init__(message)
        self.fields: Mapping[str, str] = dict(fields or {})


class AmountNotSupported(Invalid):
    """The gateway cannot take this amount; ``nearest`` holds amounts that it can."""

    code: ClassVar[str] = "amount_not_supported"

    def __init__(self, message: str, *, nearest: Sequence[Money] = ()) -> None:
        """Say what is wrong and which amounts would do."""
        super().__init__(message, fields={"amount": "not_supported"})
        self.nearest = tuple(nearest)


class TooManyAttempts(DigistoreError):
    """Too many tries; ``retry_at`` says when the next one is allowed."""

    code: ClassVar[str] = "too_many_attempts"

    def __init__(self, retry_at: datetime) -> None:
        """Carry the time (UTC) of the next try."""
        super().__init__("too many attempts; try again later")
        self.retry_at = retry_at


class GatewayError(DigistoreError):
    """The gateway failed or refused; ``provider_code`` is its own word for it."""

    code: ClassVar[str] = "gateway_error"

    def __init__(
        self, message: str, *, provider_code: str | None = None, order_id: str | None = None
    ) -> None:
        """Say what failed; ``order_id`` names the order that the same call would continue."""
        super().__init__(message)
        self.provider_code = provider_code
        self.order_id = order_id


class GatewayUnavailable(GatewayError):
    """No answer: the same key asks what became of it, unless ``key_is_spent``: then look for it."""

    code: ClassVar[str] = "gateway_unavailable"
    key_is_spent: bool = False


class GatewayRateLimited(GatewayError):
    """The gateway refused before doing any work; try later."""

    code: ClassVar[str] = "gateway_rate_limited"


class GatewayConfigError(GatewayError):
    """The gateway refused the key, the mode or the account."""

    code: ClassVar[str] = "gateway_config"


class GatewayRejected(GatewayError):
    """The gateway says no."""

    code: ClassVar[str] = "gateway_rejected"


class GatewayKeyConflict(GatewayError):
    """The same idempotency key was sent with another request."""

    code: ClassVar[str] = "gateway_key_conflict"


class Unsupported(GatewayError):
    """The gateway lacks a capability; ``capability`` names it."""

    code: ClassVar[str] = "unsupported"

    def __init__(self, capability: str) -> None:
        """Name the capability."""
        super().__init__(f"this gateway does not support {capability}")
        self.capability = capability


class InvalidSignature(GatewayError):
    """The message is not from the gateway, or too old or too new."""

    code: ClassVar[str] = "invalid_signature"


class MalformedEvent(GatewayError):
    """The message is signed, but it is not an event."""

    code: ClassVar[str] = "malformed_event"


class Busy(DigistoreError):
    """Database or storage is busy or down; the same call may be repeated as it was.

    With ``outcome_unknown`` it may be done: repeat what has a key, or a message's id; else look.
    """

    code: ClassVar[str] = "busy"

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        """Say what is the matter, and whether the work may be done all the same."""
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class DamagedFile(DigistoreError):
    """Stored bytes are not what was published; they are never delivered."""

    code: ClassVar[str] = "damaged_file"


class InsideTransaction(DigistoreError):
    """This cannot be done while a transaction of the host's is open; nothing was written."""

    code: ClassVar[str] = "inside_transaction"

    def __init__(self, what: str, cure: str) -> None:
        """Say *what* was about to be done, and the *cure*."""
        super().__init__(f"{what} is not possible inside a transaction that is open: {cure}")


class ReadOnlyReplica(DigistoreError):
    """This cannot be done on a read replica; nothing was sent anywhere."""

    code: ClassVar[str] = "read_only_replica"


class StaleRead(DigistoreError):
    """A decision on access was asked of a replica, which may lag behind a payment or a refund."""

    code: ClassVar[str] = "stale_read"


class TransactionFailed(DigistoreError):
    """The host's transaction has failed; only a rollback of it leads on."""

    code: ClassVar[str] = "transaction_failed"


class ConfigError(DigistoreError):
    """A store or gateway cannot be made with these settings."""

    code: ClassVar[str] = "config"


HTTP_STATUS: Mapping[type[DigistoreError], int] = {
    InvalidSignature: 400,
    MalformedEvent: 400,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Invalid: 422,
    TooManyAttempts: 429,
    DigistoreError: 500,
    GatewayError: 502,
    Busy: 503,
    DamagedFile: 503,
}


def http_status(error: DigistoreError) -> int:
    """Return the HTTP status of the nearest family of *error*."""
    return next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)

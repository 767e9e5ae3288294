"""What the installed SDK says of the API: its version, its parameters, its objects.

The double holds no copy of Stripe's specification.  It reads the types that the SDK carries, so it
is as new as the SDK.  Everything here loads the SDK, hence lazily and once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import typing_extensions

CLASSES: Mapping[str, str] = {
    "account": "stripe.Account",
    "application_fee": "stripe.ApplicationFee",
    "balance_transaction": "stripe.BalanceTransaction",
    "charge": "stripe.Charge",
    "checkout.session": "stripe.checkout.Session",
    "customer": "stripe.Customer",
    "dispute": "stripe.Dispute",
    "event": "stripe.Event",
    "fee_refund": "stripe.ApplicationFeeRefund",
    "item": "stripe.LineItem",
    "payment_intent": "stripe.PaymentIntent",
    "price": "stripe.Price",
    "product": "stripe.Product",
    "radar.early_fraud_warning": "stripe.radar.EarlyFraudWarning",
    "refund": "stripe.Refund",
    "transfer": "stripe.Transfer",
    "transfer_reversal": "stripe.Reversal",
}
_RENAMED = {"stripe.Reversal": "stripe.TransferReversal"}  # by version 16
_NEVER_NULL = frozenset({"deleted"})  # there or not there


@dataclass(frozen=True, slots=True)
class Shape:
    """The fields of one class: all of them, and those that are special.

    *nullable* are sent as null when they hold nothing, *expandable* hold an id or an object,
    *includable* are left out unless they are asked for.
    """

    fields: frozenset[str]
    nullable: frozenset[str]
    expandable: frozenset[str]
    includable: frozenset[str]


@cache
def api_version() -> str:
    """Return the version of the API that the SDK is pinned to."""
    version: str = import_module("stripe").api_version
    return version


@cache
def object_class(name: str) -> type:
    """Return the SDK's class of the objects that call themselves *name*."""
    path = CLASSES[name]
    module, _, attribute = path.rpartition(".")
    found = getattr(import_module(module), attribute, None)
    if found is None:
        module, _, attribute = _RENAMED[path].rpartition(".")
        found = getattr(import_module(module), attribute)
    return _a_class(found)


@cache
def shape(found: type) -> Shape:
    """Read the annotations of one of the SDK's classes, a nested one too."""
    annotations: dict[str, Any] = {}
    for base in reversed(found.__mro__):
        own: Mapping[str, Any] = vars(base).get("__annotations__", {})
        annotations |= {name: kind for name, kind in own.items() if not name.startswith("_")}
    annotations = {name: kind for name, kind in annotations.items() if not name.isupper()}
    includable = {name for name, kind in annotations.items() if _is_optional_list(kind)}
    nullable = {name for name, kind in annotations.items() if type(None) in get_args(kind)}
    return Shape(
        fields=frozenset(annotations),
        nullable=frozenset(nullable - includable - _NEVER_NULL),
        expandable=frozenset(n for n, kind in annotations.items() if _is_expandable(kind)),
        includable=frozenset(includable),
    )


def classes_within(found: type, field: str) -> tuple[type, ...]:
    """Return the classes of what *field* may hold when it is shown: objects, a hash, or a list's.

    None of them: the double has no such object.
    """
    inner = inner_class(found, field)
    if inner is not None:
        return (inner,)
    named = _names(found.__annotations__.get(field))
    return tuple(object_class(one) for one in CLASSES if _called(one) & named)


def is_a_list(found: type, field: str) -> bool:
    """Say whether *field* holds a list with pages."""
    return "ListObject" in str(found.__annotations__.get(field))


def _names(kind: object) -> set[str]:
    if isinstance(kind, ForwardRef):
        return {kind.__forward_arg__}
    return {name for part in get_args(kind) for name in _names(part)}


def _called(noun: str) -> set[str]:
    """Return what the SDK calls a class in annotations: some names are taken in a module."""
    name = object_class(noun).__name__
    return {name, f"{name}Resource"}


@cache
def documented(name: str, field: str) -> tuple[str, ...]:
    """Return the words that the SDK documents for a field, such as the statuses of a dispute."""
    kind = object_class(name).__annotations__[field]
    return tuple(
        word
        for part in get_args(kind)
        if get_origin(part) in {Literal, typing_extensions.Literal}
        for word in get_args(part)
    )


def inner_class(found: type, field: str) -> type | None:
    """Return the class of the hash, or of the hashes in the list, that *field* holds."""
    inner: Mapping[str, type] = getattr(found, "_inner_class_types", {})
    return inner.get(field)


def whole(name: str, /, **given: object) -> dict[str, Any]:
    """Make an object of that name: *given* fields, and null for all others that may be null.

    Raises:
        TypeError: a field is given that the SDK's class lacks, or one is missing.
    """
    known = shape(object_class(name))
    made: dict[str, Any] = dict.fromkeys(sorted(known.nullable), None)
    made |= {"object": name} | given
    invented = made.keys() - known.fields
    left_out = known.fields - known.includable - _NEVER_NULL - made.keys()
    if invented or left_out:
        message = f"{name}: invented {sorted(invented)}, left out {sorted(left_out)}"
        raise TypeError(message)
    return made


def whole_hash(name: str, field: str, /, **given: object) -> dict[str, Any]:
    """Make the hash that *field* of an object of that name holds, in the same way as `whole`.

    Fields that another version of the SDK knows are left out here.
    """
    found = inner_class(object_class(name), field)
    if found is None:
        message = f"{name} has no hash {field}"
        raise TypeError(message)
    known = shape(found)
    made: dict[str, Any] = dict.fromkeys(sorted(known.nullable), None)
    return made | {one: value for one, value in given.items() if one in known.fields}


def _is_optional_list(kind: object) -> bool:
    return type(None) in get_args(kind) and any(
        getattr(get_origin(part), "__name__", "") == "ListObject" for part in get_args(kind)
    )


def _is_expandable(kind: object) -> bool:
    if get_origin(kind) is not Union:
        return False
    parts = get_args(kind)
    return str in parts and any(
        isinstance(part, ForwardRef) or (isinstance(part, type) and part not in {str, type(None)})
        for part in parts
    )


def _a_class(found: object) -> type:
    if not isinstance(found, type):
        message = f"the SDK's {found!r} is no class"
        raise TypeError(message)
    return found

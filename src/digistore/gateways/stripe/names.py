"""What is ours on an account that others may use too: the marks on sessions and payments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from digistore.gateways.port import Whose

NAMESPACE = "digistore_ns"
REFERENCE = "digistore_ref"


def marks(namespace: str, reference: str) -> dict[str, str]:
    """Return the metadata by which something is known as ours again."""
    return {NAMESPACE: namespace, REFERENCE: reference}


def whose(about: Mapping[str, Any], namespace: str, *, unmarked: Whose) -> Whose:
    """Say whose an object of Stripe is; *unmarked* is what one without a mark is."""
    mark = _metadata(about).get(NAMESPACE)
    if mark is None:
        return unmarked
    return Whose.OURS if mark == namespace else Whose.FOREIGN


def reference_of(about: Mapping[str, Any]) -> str | None:
    """Return what we called an object, ``None`` if nobody did."""
    found = _metadata(about).get(REFERENCE)
    return found if isinstance(found, str) and found else None


def _metadata(about: Mapping[str, Any]) -> Mapping[str, Any]:
    found = about.get("metadata")
    return found if isinstance(found, Mapping) else {}

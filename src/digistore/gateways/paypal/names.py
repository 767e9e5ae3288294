"""What is ours on an account that others may use too: the marks on orders, captures and refunds.

PayPal has no metadata; of what it keeps for its caller, ``custom_id`` is told again on the order,
on its capture, on refunds, disputes and in reports, and the buyer does not see it.
https://developer.paypal.com/docs/api/orders/v2/#definition-purchase_unit_request
"""

from __future__ import annotations

import re

from digistore.gateways.port import Whose

LONGEST = 127  # characters of a custom_id and an invoice_id

_MARK = re.compile(r"(?P<namespace>[a-z0-9_-]{1,40}):(?P<reference>[!-~]{1,200})")


def mark(namespace: str, reference: str) -> str:
    """Return the ``custom_id`` by which something is known as ours again."""
    return f"{namespace}:{reference}"


def whose(custom_id: object, namespace: str, *, unmarked: Whose) -> Whose:
    """Say whose something with that ``custom_id`` is; *unmarked* is what one without a mark is."""
    found = _MARK.fullmatch(custom_id) if isinstance(custom_id, str) else None
    if found is None:
        return unmarked
    return Whose.OURS if found["namespace"] == namespace else Whose.FOREIGN


def reference_of(custom_id: object) -> str | None:
    """Return what we called something, ``None`` if nobody did."""
    found = _MARK.fullmatch(custom_id) if isinstance(custom_id, str) else None
    return None if found is None else found["reference"]

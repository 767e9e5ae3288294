"""The invariants of a store, as a test asks for them."""

from __future__ import annotations

from digistore.store import Store


def check_invariants(store: Store) -> None:
    """Check every invariant of ``store.doctor()``.

    Raises:
        AssertionError: naming each finding by its invariant and public id.
    """
    findings = store.doctor().findings
    listed = "\n".join(
        f"{finding.invariant}: {finding.subject}: {finding.text}" for finding in findings
    )
    assert not findings, f"the store's promises are broken:\n{listed}"

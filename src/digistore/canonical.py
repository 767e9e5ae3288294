"""The one spelling of a value that digests and fingerprints are made of."""

from __future__ import annotations

import hashlib
import json


def canonical_json(value: object) -> str:
    """Return *value* as JSON with sorted keys and no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def canonical_sha256(value: object) -> bytes:
    """Return the sha256 of the canonical JSON of *value*."""
    return hashlib.sha256(canonical_json(value).encode()).digest()

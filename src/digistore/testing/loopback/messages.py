"""What comes over the wire, and what goes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What came over the wire; names of headers are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back: JSON, unless a header ``Content-Type`` says otherwise."""

    status: int
    body: bytes
    headers: Mapping[str, str]

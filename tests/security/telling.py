"""What a call comes to: all that its answer or error tells, and how much work it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from digistore.errors import DigistoreError
from digistore.files import BlobReader
from digistore.orders.receipts.receipt import Receipt
from digistore.paging import Page
from tests.acceptance.world import World


def told(answer: object) -> Iterator[str]:
    """Everything that an answer says, at any depth: fields that ``repr`` hides too."""
    if isinstance(answer, Receipt) and answer.document is not None:
        yield answer.html()
    for part in _parts(answer):
        if isinstance(part, str):
            yield part
        else:
            yield from told(part)


def _parts(answer: object) -> list[object]:
    match answer:
        case BaseModel():
            return list(dict(answer).values())
        case Page():
            answer = [*answer.items, str(answer.next)]
        case Mapping():
            return [*answer.keys(), *answer.values()]
        case BlobReader():
            with answer:
                return [answer.read().decode("latin-1")]
        case _ if is_dataclass(answer):
            return [getattr(answer, one.name) for one in fields(answer)]
    return list(answer) if isinstance(answer, list | tuple | set | frozenset) else [str(answer)]


def outcome(shop: World, call: Callable[[], Any]) -> tuple[Any, ...]:
    """The error of a call with all that it says, how many statements it took, and its ``ref``."""
    with shop.vault.counted() as statements:
        try:
            call()
        except DigistoreError as error:
            said = {name: value for name, value in vars(error).items() if name != "ref"}
            return type(error), str(error), said, len(statements), getattr(error, "ref", None)
    return None, "", {}, len(statements), None

"""(i) verify the token of a download link."""

from __future__ import annotations

import hashlib
import hmac

from benchmarks.runner import Case, Subject, Table, Way, interleave, repeat
from digistore.downloads.rules.tokens import FIELDS, VERSION, token_fields
from digistore.tokens import Secrets
from tests.conftest import SECRET

GOAL = 2.0
WHY = "the text is taken apart and its fields are looked at, about as long as the HMAC itself"


def token(rounds: int) -> Table:
    """(i) beside one HMAC-SHA256 over as many bytes, compared in constant time."""
    signer = Secrets(SECRET).signer("download")
    text = signer.sign(VERSION, ["pur_2JK9qrpd65PP6rA5mxKMCC", "fil_2JK9qr", "1", "1767268800"])
    signed, key = text.rpartition(".")[0].encode(), b"k" * 32
    expected = hmac.digest(key, signed, hashlib.sha256)

    def floor() -> Case:
        return repeat(
            lambda: hmac.compare_digest(hmac.digest(key, signed, hashlib.sha256), expected)
        )

    def verify() -> object:
        return token_fields(signer.read(VERSION, text, FIELDS))

    if verify() is None:
        raise AssertionError
    ways = {"read a token": Way(repeat(verify), GOAL, WHY)}
    return interleave(Subject("i", "verify a download token"), floor, ways, rounds=rounds)

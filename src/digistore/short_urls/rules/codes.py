"""Short codes: how they are drawn, which ones a person may choose, and how they are matched."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from shortuuid import ShortUUID

from digistore.errors import ConfigError, Invalid
from digistore.settings import Settings

LONGEST_CODE: Final = 64
ATTEMPTS: Final = 8
WIDER_FROM: Final = 5  # from this attempt on a code is one character longer
_REDRAWS = 100  # draws are hardly ever reserved, so this bound is for those that always are

Draw: TypeAlias = Callable[[int], str]

_CODE = re.compile(r"[a-z0-9-]{1,64}")
_CHOSEN = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,62})[a-z0-9]")

_RESERVED = """
    about account accounts admin administrator api app apps assets auth billing blog callback cart
    checkout config contact css customer dashboard data debug default digistore docs download
    downloads error false favicon feed file files forgot graphql health healthz help home host img
    imprint index info internal invoice jobs js legal license link links log login logout mail main
    manage manifest media metrics my new news nil nobody none null oauth offer operator order orders
    password pay payment payments ping policy pricing privacy private product products profile
    public purchase receipt refund register release releases reset robots root rss sandbox search
    security seller session settings setup shop short short-urls sign-in sign-up signin signout
    signup sitemap static stats status store support system team terms test true undefined unknown
    update upload uploads url urls user users version webhook webhooks well-known wp-admin wp-login
    www xmlrpc
"""
RESERVED: Final = frozenset(_RESERVED.split())


def chosen_code(text: str) -> str:
    """Return a code that a person chose, in its normal form: NFKC, without regard to case.

    Raises:
        Invalid: ``code_characters``: not 3 to 64 of a-z, 0-9 and inner hyphens;
            ``code_reserved``: a word that the shop or its host needs.
    """
    # Nothing that folds to letters of ASCII gets shorter, so a long text need not be folded.
    code = _folded(text) if isinstance(text, str) and len(text) <= LONGEST_CODE else ""
    if not _CHOSEN.fullmatch(code):
        raise Invalid(
            "a code has 3 to 64 of a-z, 0-9 and hyphens, none of them at an end",
            fields={"code": "code_characters"},
        )
    if code in RESERVED:
        raise Invalid(
            "this code is reserved for the shop itself; choose another",
            fields={"code": "code_reserved"},
        )
    return code


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def matched_code(text: str) -> str | None:
    """Return the stored form of a code that somebody follows, ``None`` where none can match."""
    if not isinstance(text, str) or len(text) > LONGEST_CODE or not text.isascii():
        return None
    code = text.lower()
    return code if _CODE.fullmatch(code) else None


def drawing(settings: Settings) -> Draw:
    """Return the draw of codes: uniform, from ``Settings.code_alphabet``.

    Raises:
        ConfigError: the alphabet has one character only.
    """
    try:
        return ShortUUID(alphabet=settings.code_alphabet).random
    except ValueError:
        raise ConfigError("Settings.code_alphabet needs two or more different characters") from None


def draws(
    draw: Draw, length: int, acceptable: Callable[[str], bool] | None = None
) -> Iterator[str]:
    """Yield the codes to try: 8, from the fifth on one character longer.

    None of them is reserved or one that *acceptable* refuses.
    """
    for attempt in range(1, ATTEMPTS + 1):
        wanted = length + (attempt >= WIDER_FROM)
        for _ in range(_REDRAWS):
            code = draw(wanted)
            if code not in RESERVED and (acceptable is None or acceptable(code)):
                yield code
                break

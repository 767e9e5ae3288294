"""What a file is called where it is saved: no path, no control, no device, in every browser."""

from __future__ import annotations

import unicodedata
from typing import Final
from urllib.parse import quote

LONGEST = 200  # bytes of UTF-8
LONGEST_EXTENSION = 32  # of these; what is longer is no extension
NAMELESS: Final = "download"

_SEPARATORS = {"Zl", "Zp"}
_REPLACED = str.maketrans(dict.fromkeys('<>:"|?*%;', "_"))
_EDGE = " ."
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_NUMBERED = ("com", "lpt")
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 8187, beside letters and digits


def saved_name(name: str) -> str:
    """Return what *name* is saved as; what was returned before stays as it is.

    No framework strips paths, bidi controls or the names of Windows devices.

    Returns:
        1 to 200 bytes of UTF-8, without separators, controls and characters of category C.
    """
    last = name[max(name.rfind("/"), name.rfind("\\")) + 1 :]
    # Normalised after controls are gone: what stood apart by one of them may compose now.
    visible = unicodedata.normalize("NFC", "".join(sign for sign in last if _is_visible(sign)))
    words = " ".join(visible.translate(_REPLACED).split())
    stem, dot, extension = words.rstrip(_EDGE).rpartition(".")
    if not dot:
        stem, extension = extension, ""
    named = f"{stem.lstrip(_EDGE) or NAMELESS}{dot}{extension}"
    return _cut(f"_{named}" if _is_device(named) else named)


def ascii_name(name: str) -> str:
    """Return *name* for what reads ASCII alone.

    The rules hold again: a full-width quote or slash is a plain one after its decomposition.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return saved_name(plain)


def content_disposition(name: str) -> str:
    """Return the header that has a file saved under *name*, never shown (RFC 6266, RFC 8187)."""
    saved = saved_name(name)
    encoded = quote(saved, safe=_ATTR_CHAR)
    return f"attachment; filename=\"{ascii_name(saved)}\"; filename*=UTF-8''{encoded}"


def _is_visible(sign: str) -> bool:
    category = unicodedata.category(sign)
    return not (category.startswith("C") or category in _SEPARATORS)


def _is_device(name: str) -> bool:
    stem = name.partition(".")[0].rstrip(" ").lower()
    numbered = stem.startswith(_NUMBERED) and len(stem) == len("com0") and stem[-1].isdigit()
    return stem in _DEVICES or numbered


def _cut(name: str) -> str:
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = f"{dot}{extension}"
    if not dot or len(ending.encode()) > LONGEST_EXTENSION:
        stem, ending = name, ""
    room = LONGEST - len(ending.encode())
    kept = stem.encode()[:room].decode(errors="ignore")
    return f"{kept}{ending}".rstrip(_EDGE)

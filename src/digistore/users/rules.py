"""Who is acting and what that allows; addresses and how they compare."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from digistore.errors import Forbidden, Invalid
from digistore.users.models import Role

LONGEST_ADDRESS = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
LONGEST_LOCAL_PART = 64
_LABEL = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?")


@dataclass(frozen=True, slots=True)
class Acting:
    """Who acts: a user with roles, the host's own code, or nobody."""

    id: str | None
    roles: frozenset[Role] = frozenset()
    system: bool = False

    @property
    def label(self) -> str:
        """What audit rows and events say."""
        return "system" if self.system else self.id or "nobody"

    @property
    def is_operator(self) -> bool:
        """Whether everything of everybody is theirs to do."""
        return self.system or Role.OPERATOR in self.roles

    def sells(self, seller_id: str | None) -> bool:
        """Whether they act for this seller; no seller is the house, where operators act."""
        if self.is_operator:
            return True
        return seller_id is not None and self.id == seller_id and Role.SELLER in self.roles

    def is_user(self, user_id: str | None) -> bool:
        """Whether they are this user."""
        return user_id is not None and self.id == user_id

    def user_id(self) -> str:
        """Return the user's id.

        Raises:
            Forbidden: the host's own code, or nobody, where a person is needed.
        """
        if self.id is None:
            raise Forbidden("this needs a user; pass the user who acts", reason="user_needed")
        return self.id

    def require_operator(self, what: str) -> None:
        """Refuse anybody but operators and the host's own code.

        Raises:
            Forbidden: neither.
        """
        if not self.is_operator:
            raise Forbidden(f"only an operator may {what}", reason="operator_needed")


NOBODY = Acting(None)
THE_SYSTEM = Acting(None, system=True)


def normal_email(address: str, field: str = "email") -> str:
    """Return *address* in its normal form: NFC, no spaces around, domain in lower case.

    Raises:
        Invalid: not one mailbox, or too long; the address is not echoed.
    """
    text = unicodedata.normalize("NFC", address.strip()) if isinstance(address, str) else ""
    local, at, domain = text.rpartition("@")
    usable = (
        len(text) <= LONGEST_ADDRESS
        and bool(at)
        and 0 < len(local) <= LONGEST_LOCAL_PART
        and "@" not in local
        and all(sign.isprintable() and not sign.isspace() for sign in local)
        and all(_LABEL.fullmatch(label) for label in domain.split("."))
    )
    if not usable:
        raise Invalid("not an e-mail address", fields={field: "invalid"})
    return f"{local}@{domain.lower()}"


def login_form(email: str) -> str:
    """Return what an address is compared by: without regard to capital letters, and no further.

    ``casefold`` makes one of ``straße.de`` and ``strasse.de``, which are two people's.
    """
    return email.lower()

"""Users, and the ways in which a caller names one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, TypeAlias

from digistore.fields import Model
from digistore.ids import UserId


class Role(StrEnum):
    """What a user may do; every user is a customer, the others add to it."""

    CUSTOMER = "customer"
    SELLER = "seller"
    OPERATOR = "operator"


class UserStatus(StrEnum):
    """Whether a user may act."""

    ACTIVE = "active"
    DISABLED = "disabled"
    ERASED = "erased"
    MERGED = "merged"


class User(Model):
    """One person: a customer, perhaps a seller or operator as well."""

    id: UserId
    external_id: str | None = None
    email: str | None = None
    email_verified_at: datetime | None = None
    name: str | None = None
    roles: frozenset[Role]
    status: UserStatus = UserStatus.ACTIVE
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HostUser:
    """A user of the host's own, by the host's id; known here from their first act on."""

    external_id: str
    email: str | None = None
    name: str | None = None
    email_verified: bool = False


class System(Enum):
    """The host's own code; there is one, :data:`SYSTEM`."""

    SYSTEM = "system"


SYSTEM: Final = System.SYSTEM

UserRef: TypeAlias = User | HostUser | str
Actor: TypeAlias = UserRef | System
Visitor: TypeAlias = Actor | None

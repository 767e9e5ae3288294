"""People: one row each, with roles that add up; a seller is a customer with more rights.

It owns users and their roles, and says who is acting. It must never know what they bought.
"""

from digistore.users.models import SYSTEM, Actor, HostUser, Role, System, User, UserRef, Visitor
from digistore.users.rules import Acting
from digistore.users.service import AsyncUsers, Users

__all__ = [
    "SYSTEM",
    "Acting",
    "Actor",
    "AsyncUsers",
    "HostUser",
    "Role",
    "System",
    "User",
    "UserRef",
    "Users",
    "Visitor",
]

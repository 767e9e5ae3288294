"""How people are named on a command line."""

from __future__ import annotations

from typing import Final

from digistore.store import Store
from digistore.users import SYSTEM, User

HOSTS_OWN: Final = "ext:"


def named_user(store: Store, name: str) -> User:
    """Return the user of an id, or of ``ext:`` and the host's own id.

    Raises:
        NotFound: there is none.
    """
    if name.startswith(HOSTS_OWN):
        return store.users.by_external_id(SYSTEM, name.removeprefix(HOSTS_OWN))
    return store.users.get(SYSTEM, name)

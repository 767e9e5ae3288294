"""The store of the project, on Django's own connection."""

from __future__ import annotations

import os
from functools import cache

from django.http import HttpRequest

from digistore import Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.web import django
from tests.conftest import SECRET

sandbox = SandboxGateway()


@cache
def store() -> Store:
    """Open it; nothing is asked of the database yet, as migrations ask for the store, too."""
    if own := os.environ.get("HOST_STORE"):
        return Store.open(own, files="memory://", gateways=[sandbox], secret=SECRET)
    alias = os.environ.get("HOST_ALIAS", "default")
    return django.store(files="memory://", gateways=[sandbox], secret=SECRET, database=alias)


def user(request: HttpRequest) -> str | None:
    """Return who asks: a header stands in for a session."""
    return request.headers.get("X-User")

"""Getting a store to work on: the host's own, or one that is made of a database URL."""

from __future__ import annotations

import importlib
import inspect
import os
import secrets
import sys
from operator import attrgetter
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from digistore.errors import ConfigError
from digistore.store import AsyncStore, Store

Mode: TypeAlias = Literal["ro", "rw", "rwc"]
"""How a database is opened, in SQLite's words."""

_EXAMPLE = "name your store, such as: digistore --store shop.wiring:store"


def host_store(reference: str | None, command: str) -> Store:
    """Import the host's store by *reference*, ``package.module:name``.

    The current folder can be imported from; a function is called for the store it returns.

    Raises:
        ConfigError: there is none, or it cannot be made here; the message says why.
    """
    module_name, colon, name = (reference or "").partition(":")
    if not (module_name and colon and name):
        raise ConfigError(f"{_EXAMPLE} {command}")
    here = os.getcwd()  # noqa: PTH109 - sys.path holds text
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = attrgetter(name)(importlib.import_module(module_name))
        if callable(found) and not inspect.iscoroutinefunction(found):
            found = found()
    except Exception as error:
        raise ConfigError(
            f"--store {reference} cannot be used: {type(error).__name__}: {error}"
        ) from error
    if isinstance(found, AsyncStore) or inspect.iscoroutinefunction(found):
        raise ConfigError(
            f"--store {reference} is for an event loop; "
            "name a Store with the same arguments, made beside the AsyncStore"
        )
    if not isinstance(found, Store):
        raise ConfigError(
            f"--store {reference} is no digistore.Store, but of type {type(found).__name__}"
        )
    return found


def bare_store(url: str, mode: Mode, schema: str | None = None) -> Store:
    """Open a store on a database alone, without the host's files, gateways and secret.

    Args:
        url: such as ``sqlite:///shop.db``.
        mode: with ``ro`` and ``rw`` the database must be there; with ``ro`` nothing of it is
            changed; ``rwc`` makes it.
        schema: of PostgreSQL, where the tables stand in one of their own.

    Raises:
        ConfigError: the URL cannot be read, or the database cannot be opened.
    """
    return Store.open(
        url if mode == "rwc" else _existing(url, mode),
        schema=schema,
        files="memory://",
        gateways=[],
        secret=secrets.token_urlsafe(32),
    )


def _existing(url: str, mode: Mode) -> str:
    """Let SQLite itself refuse to make, or to change, the file at *url*."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return url  # the store says what is wrong with it
    path = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or path.startswith("file:"):
        return url
    if not Path(path).is_file():
        raise ConfigError(f"there is no database at {path or 'an empty path'}")
    only = URL.create(
        parsed.drivername,
        database=f"file:{quote(str(Path(path).resolve()))}",
        query={"mode": mode, "uri": "true"},
    )
    return only.render_as_string(hide_password=False)

"""Revisions of the schema as steps of Django's migrations, in its transaction."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import RunPython

from digistore.database.migrations import bring, take_back
from digistore.store import Store
from digistore.web.django.configured import store_of_settings
from digistore.web.django.connection import DjangoDatabase


def revision(name: str, *, after: str | None) -> RunPython:
    """Return the step that brings the schema to *name*, and back to what was before it."""

    def forth(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        database = _shared_with(editor)
        if database is not None:
            bring(database.connection(), name)

    def back(_apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
        database = _shared_with(editor)
        if database is not None:
            take_back(database.connection(), after)

    return RunPython(forth, back)


def _shared_with(editor: BaseDatabaseSchemaEditor) -> DjangoDatabase | None:
    """Return the store's database if it is the one that Django migrates now."""
    store = store_of_settings()
    database = store._shop.database if isinstance(store, Store) else None  # noqa: SLF001  its own
    if isinstance(database, DjangoDatabase) and database.alias == editor.connection.alias:
        return database
    return None

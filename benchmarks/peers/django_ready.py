"""A Django on a SQLite file, with the settings that the floor has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command

from benchmarks.peers.by_hand import PRAGMAS

APPS = ("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions")


def ready(folder: Path, apps: Sequence[str], **more: Any) -> None:  # noqa: ANN401  as settings are
    """Configure Django with *apps*, and migrate."""
    pragmas = "".join(f"PRAGMA {pragma};" for pragma in PRAGMAS)
    settings.configure(
        SECRET_KEY="of nothing",  # noqa: S106  indeed
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[*APPS, *apps],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "django.db"),
                "OPTIONS": {"init_command": pragmas, "transaction_mode": "IMMEDIATE"},
            }
        },
        **more,
    )
    django.setup()
    call_command("migrate", verbosity=0, run_syncdb=True)

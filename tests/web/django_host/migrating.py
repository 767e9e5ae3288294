"""Brings the schema there and back by Django's migrations, and says what stands there each time."""

from __future__ import annotations

import json
import sys

import django
from django.core.management import call_command
from django.db import connection


def tables() -> list[str]:
    """What is ours in the database."""
    return [name for name in connection.introspection.table_names() if "digistore" in name]


django.setup()
seen = []
for to in sys.argv[1:]:
    call_command("migrate", "digistore", *([] if to == "all" else [to]), verbosity=0)
    seen.append(tables())
call_command("makemigrations", check=True, dry_run=True, verbosity=0)  # exits with 1 otherwise
print(json.dumps(seen))  # noqa: T201 - the test reads it

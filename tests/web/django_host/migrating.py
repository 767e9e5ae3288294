"""Brings the schema there and back by Django's migrations, and says what stands there each time."""

from __future__ import annotations

import json
import os
import sys

import django
from django.core.management import call_command
from django.db import connections


def tables() -> list[str]:
    """What is ours in the databases."""
    named = [name for alias in ALIASES for name in connections[alias].introspection.table_names()]
    return [name for name in named if "digistore" in name]


ALIASES = ["default", *filter(None, [os.environ.get("HOST_ALIAS")])]
django.setup()
seen = []
for to in sys.argv[1:]:
    for alias in ALIASES:
        there = [] if to == "all" else [to]
        call_command("migrate", "digistore", *there, verbosity=0, database=alias)
    seen.append(tables())
call_command("makemigrations", check=True, dry_run=True, verbosity=0)  # exits with 1 otherwise
print(json.dumps(seen))  # noqa: T201 - the test reads it

"""``manage.py digistore COMMAND``: the command line, on the store that the settings name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from digistore.cli import main


class Command(BaseCommand):
    """Hand all words on, as ``digistore`` understands them."""

    help = "Run the digistore command line on the store that DIGISTORE names."

    def run_from_argv(self, argv: Sequence[str]) -> None:
        """Run it; the process ends with its exit code."""
        store = settings.DIGISTORE["store"]
        if not isinstance(store, str):
            message = 'DIGISTORE["store"] must be a dotted name for the command line'
            raise CommandError(message)
        module, _, name = store.rpartition(".")
        sys.exit(main(["--store", f"{module}:{name}", *argv[2:]]))

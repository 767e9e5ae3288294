"""The command line: ``digistore --store package.module:name COMMAND``.

It shows what the store's public operations say, to people as text and to programs as JSON. It must
never know a rule of the shop, reach past the public API, or show a secret.
"""

from digistore.cli.entry import main

__all__ = ["main"]

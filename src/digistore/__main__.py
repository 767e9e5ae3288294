"""``python -m digistore``: the command line."""

import sys

from digistore.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``digistore demo``: a shop's whole life on real files, told as a story and checked as it goes.

It plays in a temporary folder and uses nothing but the public API.  Each figure that it prints
comes from a call, and each line with a check mark would have stopped it if it were not true.
"""

from digistore.cli.demo.playing import play

__all__ = ["play"]

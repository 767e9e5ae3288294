"""What users of digistore test with: a frozen clock, contract suites, and the invariants.

It may import anything of the package; nothing of the package imports it.
"""

from digistore.testing.clock import FrozenClock
from digistore.testing.invariants import check_invariants

__all__ = ["FrozenClock", "check_invariants"]

"""pycasbin: an access check by policies in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path

import casbin

from benchmarks.peers.by_hand import PURCHASES, asked, owned
from benchmarks.peers.writing import Peer, measure
from benchmarks.runner import repeat

MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = r.sub == p.sub && r.obj == p.obj && r.act == p.act
"""


def peers(folder: Path) -> Sequence[tuple[str, str, Peer]]:
    """Open one that looks at all policies, and one that keeps them by subject and object."""
    path = folder / "model.conf"
    path.write_text(MODEL)
    policies = [[*owned(number), "open"] for number in range(PURCHASES)]
    said = f"in memory, no database; {PURCHASES:,} policies loaded before"
    found = []
    made: dict[str, Callable[[], casbin.Enforcer]] = {
        "Enforcer": lambda: casbin.Enforcer(str(path)),
        "FastEnforcer": lambda: casbin.FastEnforcer(str(path), cache_key_order=[0, 1]),
    }
    for name, make in made.items():
        enforcer = make()
        for policy in policies:
            enforcer.model.add_policy("p", "p", policy)
        if not enforcer.enforce(*owned(7), "open") or enforcer.enforce("nobody", "x", "open"):
            raise AssertionError
        found.append(("a", name, (repeat(_asking(enforcer)), said)))
    return found


def _asking(enforcer: casbin.Enforcer) -> Callable[[], object]:
    turn = cycle(asked())
    return lambda: enforcer.enforce(*next(turn), "open")


if __name__ == "__main__":
    measure("pycasbin", peers)

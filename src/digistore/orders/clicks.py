"""Which short link brought a buyer: the seam between orders and short links."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

Click: TypeAlias = tuple[str, datetime]
"""Which short link brought a buyer, by its id, and when it was clicked."""
ReadClick: TypeAlias = Callable[[object, datetime], Click | None]
"""What reads a click out of whatever a host passes on: only a genuine, fresh one is one."""

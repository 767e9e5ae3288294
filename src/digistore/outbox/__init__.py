"""Events that outlive a crash: written with what they tell of, delivered after the commit.

It owns events, the handlers that take them and what was delivered. It must never decide a
business rule.
"""

from digistore.outbox.service import AsyncOutbox, Handler, announce

__all__ = ["AsyncOutbox", "Handler", "announce"]

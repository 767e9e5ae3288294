"""Events that outlive a crash: written with what they tell of, delivered after the commit.

It owns events, the handlers that take them and what was delivered. It must never decide a
business rule.
"""

from digistore.outbox.service import OWN, AsyncOutbox, Handler, announce, owe, owe_again

__all__ = ["OWN", "AsyncOutbox", "Handler", "announce", "owe", "owe_again"]

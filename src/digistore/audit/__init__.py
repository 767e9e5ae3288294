"""Who changed what, when and why: written with each change, never changed afterwards.

It owns one append-only table. It must never hold personal data.
"""

from digistore.audit.service import Change, Heads, digest_of, head, record

__all__ = ["Change", "Heads", "digest_of", "head", "record"]

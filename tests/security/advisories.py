"""What went wrong in other shops, and where its test is: the one list, held whole by a test.

The ids are those of the CVE and GitHub lists, else repository and thread. Each stands in the name
of a test, or in that of one of its cases, in the file that is named here.
"""

from __future__ import annotations

from typing import NamedTuple


class Advisory(NamedTuple):
    """One mistake of somebody else's.

    Args:
        id: by which it is known.
        wrong: what went wrong.
        rule: of ours, which it would break.
        path: the file with its test, below ``tests``.
    """

    id: str
    wrong: str
    rule: str
    path: str


WEBHOOKS = "security/test_webhooks.py"
MATRIX = "security/test_matrix.py"
INPUT = "security/test_input.py"
OUTPUT = "security/test_output.py"
WEB = "security/test_web.py"
LIMITS = "security/test_limits.py"
TOKENS = "security/test_tokens.py"

ADVISORIES = (
    Advisory("CVE-2026-9189", "amount, currency, receiver not compared", "W5", WEBHOOKS),
    Advisory(
        "CVE-2026-2890", "a cheap payment for a dear order", "W6", "payments/test_webhooks.py"
    ),
    Advisory(
        "CVE-2026-2729", "a cheap payment for a dear order", "W6", "payments/test_webhooks.py"
    ),
    Advisory("CVE-2026-2888", "the price comes from the form", "N4", "orders/test_checkout.py"),
    Advisory("CVE-2020-15109", "changed after it was priced", "N4", "orders/test_checkout.py"),
    Advisory("CVE-2026-0656", "a message without a signature", "W1", WEBHOOKS),
    Advisory("CVE-2025-14078", "an answer that leaks", "W8", WEBHOOKS),
    Advisory("CVE-2026-4986", "authenticity is not checked", "W1", "payments/test_webhooks.py"),
    Advisory("CVE-2026-2428", "checking is off by default", "W1", WEBHOOKS),
    Advisory("stripe/stripe-node#2841", "an empty secret verifies", "W2", WEBHOOKS),
    Advisory("github/advisory-database#7131", "a missing header passes", "W1", WEBHOOKS),
    Advisory("dj-stripe/dj-stripe#1923", "the secret is read from a header", "W2", WEBHOOKS),
    Advisory("doocs/md#1656", "the body is believed", "W5", "payments/test_webhooks.py"),
    Advisory("CVE-2026-2010", "payment of another user", "A3", MATRIX),
    Advisory("CVE-2026-46408", "cart of another user", "A3", MATRIX),
    Advisory("CVE-2026-44826", "a negative quantity", "N3", INPUT),
    Advisory(
        "GHSA-9rh9-hf3w-9fgg", "limit checked too late", "L3", "orders/test_discount_races.py"
    ),
    Advisory("CVE-2019-7855", "weak random codes", "T1", TOKENS),
    Advisory("aescreens.com/blog/gumroad-hack", "a name as authority", "A5", TOKENS),
    Advisory("CVE-2026-22589", "addresses of guests are readable", "A2", MATRIX),
    Advisory("CVE-2026-25758", "addresses of guests can be bound", "A2", MATRIX),
    Advisory("CVE-2026-25757", "an order is shown by its number", "A4", MATRIX),
    Advisory("CVE-2020-15269", "an expired token is accepted", "T5", "downloads/test_links.py"),
    Advisory("GHSA-4825-p4xm-pcf2", "a reversible id as authority", "A4", TOKENS),
    Advisory("GHSA-xf4v-w5x5-pv79", "a formula in an export", "X2", "short_urls/test_carrying.py"),
    Advisory("CVE-2021-25963", "an error page is not escaped", "N6", OUTPUT),
    Advisory("CVE-2013-2506", "roles by mass assignment", "N2", INPUT),
    Advisory("CVE-2008-7311", "a hard-coded secret", "K1", "test_tokens.py"),
    Advisory("CVE-2011-10019", "a parameter becomes a call", "N5", "catalog/test_find.py"),
    Advisory("CVE-2011-10026", "a parameter becomes a call", "N5", "catalog/test_find.py"),
    Advisory("CVE-2021-41275", "account takeover by CSRF", "R4", "web/test_conformance.py"),
    Advisory("CVE-2021-41274", "account takeover by CSRF", "R4", "web/test_conformance.py"),
    Advisory("CVE-2022-31000", "an order is changed by CSRF", "R4", WEB),
    Advisory("CVE-2021-43846", "a GET changes a cart", "R4", WEB),
    Advisory("CVE-2021-43805", "a catastrophic pattern", "L2", LIMITS),
    Advisory("OSVDB-73751", "a file by its path", "F1", "files/test_rules.py"),
    Advisory("CVE-2019-7864", "order by id", "A2", MATRIX),
    Advisory("CVE-2019-7950", "customer by id", "A2", MATRIX),
    Advisory("CVE-2020-15245", "a changed address stays verified", "A7", "users/test_users.py"),
    Advisory("CVE-2026-44584", "a changed address stays verified", "A7", "users/test_users.py"),
    Advisory("CVE-2020-15143", "input is evaluated", "N5", OUTPUT),
    Advisory("CVE-2020-15146", "input is evaluated", "N5", OUTPUT),
    Advisory("CVE-2026-5600", "one seller's call returns all", "A3", MATRIX),
    Advisory("CVE-2023-44463", "a forged proxy header is believed", "E2", LIMITS),
    Advisory("CVE-2026-22849", "a stored script in rich text", "N6", OUTPUT),
    Advisory("CVE-2026-39851", "users told apart by the error", "E1", "security/test_sameness.py"),
    Advisory("CVE-2026-33756", "unbounded batches", "L1", LIMITS),
    Advisory("CVE-2026-50887", "a title is fetched from any url", "R3", LIMITS),
    Advisory("CVE-2026-28114", "uploaded files run", "F2", OUTPUT),
    Advisory("CVE-2025-13930", "anybody deletes", "A9", MATRIX),
    Advisory("CVE-2023-28121", "identity from a header", "A1", "web/test_conformance.py"),
    Advisory(
        "circlefin/arc-commerce#43", "a refund counted twice", "I17", "payments/test_refunds.py"
    ),
)

"""What is written beside every change: natural keys, messages, audit, events, what waits."""

from __future__ import annotations

from digistore.doctor.checks import Statement

# Entities of the audit and the tables that hold them.
AUDITED = {
    "user": "digistore_users",
    "product": "digistore_products",
    "release": "digistore_releases",
    "order": "digistore_orders",
    "discount": "digistore_discounts",
    "payment": "digistore_payments",
    "purchase": "digistore_purchased_products",
    "support_offer": "digistore_support_offers",
    "support_request": "digistore_support_requests",
    "short_url": "digistore_short_urls",
}
# The columns whose every change is told in words.
TOLD = {
    "product": "status",
    "release": "status",
    "order": "state",
    "payment": "state",
    "purchase": "state",
    "support_request": "state",
}
NATURAL_KEYS = {
    "digistore_payments": ("ref",),
    "digistore_refunds": ("ref",),
    "digistore_disputes": ("payment_id", "ref"),  # one may be about several payments
    "digistore_provider_events": ("event_id",),
    "digistore_payment_attempts": ("checkout_id",),
}
# What an event is about, by the prefix of its subject.
SUBJECTS = {
    "ord_": "digistore_orders",
    "pur_": "digistore_purchased_products",
    "ref_": "digistore_refunds",
    "dis_": "digistore_disputes",
    "act_": "digistore_payment_actions",
    "rel_": "digistore_releases",
    "sup_": "digistore_support_requests",
    "clm_": "digistore_claims",
}
_SAYS = "changes LIKE '%\"{column}\":%'"


def _union(statements: list[str]) -> str:
    return "\nUNION ALL\n".join(statements)


def versions_differ() -> str:
    """Return the statement that compares each version with its count of audit rows."""
    return _union(
        [
            f"SELECT t.id AS subject FROM {table} t WHERE t.version <> ("  # noqa: S608  from above
            f"SELECT COUNT(*) FROM digistore_audit a WHERE a.entity = '{entity}'"
            f" AND a.entity_id = t.id)"
            for entity, table in AUDITED.items()
        ]
    )


def audited_is_gone() -> str:
    """Return the statement that looks for audit rows of what is not there."""
    known = ", ".join(f"'{entity}'" for entity in AUDITED)
    return _union(
        [
            f"SELECT a.entity_id AS subject FROM digistore_audit a WHERE a.entity = '{entity}'"  # noqa: S608  from above
            f" AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = a.entity_id)"
            for entity, table in AUDITED.items()
        ]
        + [f"SELECT entity_id FROM digistore_audit WHERE entity NOT IN ({known})"]  # noqa: S608  from above
    )


def last_word_differs() -> str:
    """Return the statement that compares each state with the last one that was audited."""
    statements = []
    for entity, column in TOLD.items():
        says = _SAYS.format(column=column)
        statements.append(
            f"SELECT t.id AS subject FROM {AUDITED[entity]} t"  # noqa: S608  from above
            f" JOIN digistore_audit a ON a.entity = '{entity}' AND a.entity_id = t.id"
            f" WHERE a.{says} AND a.changes NOT LIKE '%\"{column}\":\"' || t.{column} || '\"%'"
            f" AND NOT EXISTS (SELECT 1 FROM digistore_audit b WHERE b.entity = '{entity}'"
            f" AND b.entity_id = t.id AND b.version > a.version AND b.{says})"
        )
    return _union(statements)


def keys_twice() -> str:
    """Return the statement that looks for a natural key that two rows have."""
    return _union(
        [
            f"SELECT MIN(id) AS subject FROM {table} WHERE {key[-1]} IS NOT NULL"  # noqa: S608  from above
            f" GROUP BY gateway, livemode, account, {', '.join(key)} HAVING COUNT(*) > 1"
            for table, key in NATURAL_KEYS.items()
        ]
    )


def subjects_missing() -> str:
    """Return the statement that looks for events about what is not there."""
    known = ", ".join(f"'{prefix}'" for prefix in SUBJECTS)
    return _union(
        [
            f"SELECT e.id AS subject FROM digistore_events e"  # noqa: S608  from above
            f" WHERE substr(e.subject, 1, 4) = '{prefix}'"
            f" AND NOT EXISTS (SELECT 1 FROM {table} t WHERE t.id = e.subject)"
            for prefix, table in SUBJECTS.items()
        ]
        + [f"SELECT id FROM digistore_events WHERE substr(subject, 1, 4) NOT IN ({known})"]  # noqa: S608  from above
    )


CHECKS = (
    Statement(
        "I15",
        "natural_keys_are_unique",
        "The gateway's id of this row stands in another row too: one fact is counted twice.",
        keys_twice(),
    ),
    Statement(
        "I16",
        "message_is_worked_once",
        "This message is done without its time, or received and nobody will look at it again.",
        """
        SELECT e.id AS subject
        FROM digistore_provider_events e
        WHERE (e.status = 'done') <> (e.done_at IS NOT NULL)
           OR (e.status = 'received') <> (e.next_check_at IS NOT NULL)
        """,
    ),
    Statement(
        "I16",
        "one_content_per_message",
        "One message id stands in two rows with different contents. Ask the gateway for both.",
        """
        SELECT MIN(e.id) AS subject
        FROM digistore_provider_events e
        GROUP BY e.gateway, e.livemode, e.account, e.event_id
        HAVING COUNT(DISTINCT e.digest) > 1
        """,
    ),
    Statement(
        "I25",
        "version_is_audited",
        "This row was changed without an audit row, or has an audit row too many.",
        versions_differ(),
    ),
    Statement(
        "I25",
        "audit_has_no_gap",
        "The audit rows of this one are not numbered 1 to n: one was taken away or added.",
        """
        SELECT a.entity_id AS subject
        FROM digistore_audit a
        GROUP BY a.entity, a.entity_id
        HAVING MIN(a.version) <> 1 OR MAX(a.version) <> COUNT(*)
            OR COUNT(DISTINCT a.version) <> COUNT(*)
        """,
    ),
    Statement(
        "I25",
        "audit_names_its_author",
        "An audit row of this one does not say who changed it, or why.",
        """
        SELECT a.entity_id AS subject
        FROM digistore_audit a
        WHERE COALESCE(a.actor, '') = '' OR COALESCE(a.cause, '') = ''
        """,
    ),
    Statement(
        "I25",
        "audited_is_there",
        "Audit rows tell of this one, but it is gone: it was deleted past the library.",
        audited_is_gone(),
    ),
    Statement(
        "I25",
        "last_word_is_stored",
        "This row's state is not the last one that its audit rows tell: it was changed past the"
        " library. Compare it with the facts and set it back.",
        last_word_differs(),
    ),
    Statement(
        "I26",
        "event_is_told_once",
        "Another event has the same dedupe key as this one.",
        """
        SELECT MIN(e.id) AS subject
        FROM digistore_events e
        GROUP BY e.dedupe_key
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I26",
        "one_delivery_per_handler",
        "One handler has this event more than once.",
        """
        SELECT d.event_id AS subject
        FROM digistore_deliveries d
        GROUP BY d.event_id, d.handler
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I26",
        "event_has_its_subject",
        "What this event is about is not there.",
        subjects_missing(),
    ),
    Statement(
        "I26",
        "delivery_has_its_time",
        "A delivery of this event is done without its time, or has a time and is not done.",
        """
        SELECT d.event_id AS subject
        FROM digistore_deliveries d
        WHERE (d.state = 'done') <> (d.delivered_at IS NOT NULL)
        """,
    ),
    Statement(
        "I26",
        "event_is_waiting_or_routed",
        "This event is neither waiting for its handlers nor given to them. Set waiting_key to 1"
        " and routed_at to NULL: it is delivered again.",
        """
        SELECT e.id AS subject
        FROM digistore_events e
        WHERE (COALESCE(e.waiting_key, 0) = 1) <> (e.routed_at IS NULL)
        """,
    ),
)

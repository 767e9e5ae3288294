"""People, releases and short links."""

from __future__ import annotations

from digistore.doctor.checks import Statement
from digistore.short_urls.rules.codes import RESERVED

_RESERVED = ", ".join(f"'{code}'" for code in sorted(RESERVED))

CHECKS = (
    Statement(
        "I29",
        "release_has_files",
        "This release was published and has no file.",
        """
        SELECT r.id AS subject
        FROM digistore_releases r
        WHERE r.status <> 'draft' AND NOT EXISTS (
            SELECT 1 FROM digistore_release_files f WHERE f.release_id = r.id
        )
        """,
    ),
    Statement(
        "I29",
        "release_is_whole",
        "A file of this release, which was published, is damaged, gone, about to be removed or of"
        " another size than was published. Upload the same bytes again, then run files.verify:"
        " that reads the bytes, this looks at rows only.",
        """
        SELECT f.release_id AS subject
        FROM digistore_release_files f
        JOIN digistore_releases r ON r.id = f.release_id AND r.status <> 'draft'
        LEFT JOIN digistore_blobs b ON b.sha256 = f.blob_sha256
        WHERE b.sha256 IS NULL OR b.size <> f.size OR b.state <> 'live'
        """,
    ),
    Statement(
        "I29",
        "one_release_is_latest",
        "This release is published and stable, but none, or more than one, of its product's is"
        " marked as the latest; or a release is that is no such one. Publish or yank one.",
        """
        SELECT MIN(r.id) AS subject
        FROM digistore_releases r
        WHERE r.status = 'published' AND r.channel = 'stable'
        GROUP BY r.product_id
        HAVING SUM(COALESCE(r.latest_key, 0)) <> 1
        UNION ALL
        SELECT r.id
        FROM digistore_releases r
        WHERE r.latest_key IS NOT NULL AND NOT (r.status = 'published' AND r.channel = 'stable')
        """,
    ),
    Statement(
        "I32",
        "roles_add_up",
        "This user has no role customer, which everybody has, or has one role twice.",
        """
        SELECT u.id AS subject
        FROM digistore_users u
        WHERE NOT EXISTS (
            SELECT 1 FROM digistore_user_roles r WHERE r.user_id = u.id AND r.role = 'customer'
        )
        UNION ALL
        SELECT r.user_id
        FROM digistore_user_roles r
        GROUP BY r.user_id, r.role
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I32",
        "named_sellers_exist",
        "This product or order names a seller who does not exist. The house's have none.",
        """
        SELECT t.id AS subject
        FROM (
            SELECT id, seller_id FROM digistore_products
            UNION ALL SELECT id, seller_id FROM digistore_orders
        ) t
        WHERE t.seller_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM digistore_users u WHERE u.id = t.seller_id
        )
        """,
    ),
    Statement(
        "I34",
        "one_link_per_code",
        "Another short link has the same domain and code as this one.",
        """
        SELECT MIN(s.id) AS subject
        FROM digistore_short_urls s
        GROUP BY s.domain, lower(s.code)
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I34",
        "links_can_be_followed",
        "This short link's code is reserved for the shop, or no visitor's can match it: codes are"
        " 1 to 64 lower-case characters.",
        f"""
        SELECT s.id AS subject
        FROM digistore_short_urls s
        WHERE s.code IN ({_RESERVED}) OR s.code <> lower(s.code)
           OR length(s.code) NOT BETWEEN 1 AND 64
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I34",
        "links_lead_to_the_web",
        "This short link, its fallback or one of its rules leads to something else than http or"
        " https. Disable it.",
        """
        SELECT s.id AS subject
        FROM digistore_short_urls s
        WHERE NOT (s.target LIKE 'http://%' OR s.target LIKE 'https://%')
           OR NOT (s.fallback IS NULL OR s.fallback LIKE 'http://%' OR s.fallback LIKE 'https://%')
           OR replace(replace(s.rules, '"target":"http://', ''), '"target":"https://', '')
              LIKE '%"target":"%'
        """,
    ),
    Statement(
        "I34",
        "permanent_links_hold_nothing_back",
        "Browsers keep this short link's redirect for ever, so its date, limit, rule, password or"
        " tracking cannot be held. Take them away, or make it no longer permanent.",
        """
        SELECT s.id AS subject
        FROM digistore_short_urls s
        WHERE s.permanent = 1 AND (
            s.starts_at IS NOT NULL OR s.expires_at IS NOT NULL OR s.max_visits IS NOT NULL
            OR s.password_hash IS NOT NULL OR s.rules <> '[]' OR s.track = 1)
        """,
    ),
    Statement(
        "I34",
        "orders_were_clicked_before_payment",
        "This order names a short link that there is not, or a click that came after its payment:"
        " it was written past the library.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE (o.short_url_id IS NULL) <> (o.clicked_at IS NULL)
           OR (o.short_url_id IS NOT NULL AND (
               o.clicked_at > o.paid_at
               OR NOT EXISTS (SELECT 1 FROM digistore_short_urls s WHERE s.id = o.short_url_id)))
        """,
    ),
    Statement(
        "I34",
        "visits_stay_within_their_limit",
        "This short link has been followed more often than it may be.",
        """
        SELECT s.id AS subject
        FROM digistore_short_urls s
        WHERE s.visits < 0 OR s.visits > s.max_visits
        """,
    ),
)

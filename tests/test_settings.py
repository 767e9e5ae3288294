"""What a host may decide, within bounds, with quiet defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from digistore.settings import AccessPolicy, Effect, Settings

# Looser than it is, so that tests may pass what no type checker would let through.
settings_of: Any = Settings
policy_of: Any = AccessPolicy

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("checkout_ttl", 30 * MINUTE, 24 * HOUR),
        ("link_ttl", MINUTE, 7 * DAY),
        ("download_window", MINUTE, None),
        ("gc_grace", HOUR, None),
        ("reopen_window", timedelta(0), None),
    ],
)
def test_times_lie_within_their_bounds(name: str, least: timedelta, most: timedelta | None) -> None:
    assert getattr(settings_of(**{name: least}), name) == least
    with pytest.raises(ValidationError):
        settings_of(**{name: least - TICK})
    if most is not None:
        assert getattr(settings_of(**{name: most}), name) == most
        with pytest.raises(ValidationError):
            settings_of(**{name: most + TICK})


@pytest.mark.parametrize("name", ["max_file_bytes", "max_release_bytes", "max_release_files"])
def test_bounds_of_a_release_are_above_zero(name: str) -> None:
    with pytest.raises(ValidationError):
        settings_of(**{name: 0})


@pytest.mark.parametrize(
    "bad",
    [
        {"namespace": "My Shop"},
        {"namespace": ""},
        {"namespace": "x" * 41},
        {"namespace": "shop\n"},
        {"duplicates": "keep"},
        {"receipt_issuer": "nobody"},
        {"legal_entity": {"name": "Ada", "country": "Germany"}},
        {"legal_entity": {"name": "", "country": "DE"}},
        {"legal_entity": {"name": "Ada\x00", "country": "DE"}},
        {"legal_entity": {"name": "Ada", "country": "DE", "vat": "1"}},
        {"code_length": 5},
        {"code_alphabet": "a"},
        {"code_alphabet": "AB"},
        {"sandbox_beside_live": True},  # W7: no setting does that
        {"verify_signatures": False},  # W1: nor that
    ],
    ids=str,
)
def test_what_is_unknown_or_out_of_bounds_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings_of(**bad)


def test_settings_never_change() -> None:
    settings: Any = Settings()
    with pytest.raises(ValidationError):
        settings.checkout_ttl = DAY
    assert settings.access == AccessPolicy()


def test_the_default_policy_is_that_of_the_design() -> None:
    assert AccessPolicy().model_dump() == {
        "partial_refund": Effect.KEEP,
        "dispute_warning": Effect.KEEP,
        "dispute_opened": Effect.SUSPEND,
        "dispute_lost": Effect.REVOKE,
    }


@pytest.mark.parametrize(
    ("key", "effect"),
    [
        ("partial_refund", Effect.SUSPEND),
        ("dispute_warning", Effect.REVOKE),
        ("dispute_opened", Effect.REVOKE),
        ("dispute_lost", Effect.SUSPEND),
    ],
)
def test_a_policy_has_no_effect_that_the_table_does_not_have(key: str, effect: Effect) -> None:
    with pytest.raises(ValidationError):
        policy_of(**{key: effect})

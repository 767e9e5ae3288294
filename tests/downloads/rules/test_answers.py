"""What every answer to a download says of its bytes, of the time to wait, and of who asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from digistore.downloads.rules.answers import (
    LONGEST_AGENT,
    agent_of,
    body_headers,
    byte_cap,
    network_of,
    retry_after,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_bytes_are_named_and_coded_by_nobody() -> None:
    assert body_headers("book.pdf", "application/pdf") == {
        "Content-Type": "application/pdf",
        "Content-Disposition": "attachment; filename=\"book.pdf\"; filename*=UTF-8''book.pdf",
        "Content-Encoding": "identity",
    }


@pytest.mark.parametrize(
    ("wait", "said"),
    [
        (timedelta(seconds=-9), "1"),
        (timedelta(0), "1"),
        (timedelta(microseconds=1), "1"),
        (timedelta(seconds=1), "1"),
        (timedelta(seconds=1, microseconds=1), "2"),
        (timedelta(seconds=2), "2"),
        (timedelta(hours=1), "3600"),
    ],
)
def test_who_waits_as_long_as_told_is_not_too_early(wait: timedelta, said: str) -> None:
    assert retry_after(NOON, NOON + wait) == said


def test_nobody_is_told_to_wait_for_nothing() -> None:
    assert retry_after(NOON, None) is None


@pytest.mark.parametrize(("limit", "cap"), [(None, None), (0, 3000), (1, 3000), (9, 3000)])
def test_a_session_under_a_limit_fetches_a_file_three_times(
    limit: int | None, cap: int | None
) -> None:
    assert byte_cap(limit, 1000) == cap


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        (" 192.0.2.77 ", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::1", "::/48"),
        ("192.0.2", None),
        ("unix:", None),
        ("", None),
        (None, None),
    ],
)
def test_of_an_address_its_network_is_known(address: str | None, network: str | None) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("headers", "agent"),
    [
        ({"User-Agent": "curl/8"}, "curl/8"),
        ({"Accept": "*/*", "USER-AGENT": "curl/8"}, "curl/8"),
        ({"User-Agent": "a\r\nb\x00c"}, "abc"),
        ({"User-Agent": "x" * LONGEST_AGENT + "y"}, "x" * LONGEST_AGENT),
        ({"User-Agent": "\x07" * LONGEST_AGENT + "y"}, None),
        ({"User-Agent": ""}, None),
        ({"X-User-Agent": "curl/8"}, None),
        ({}, None),
    ],
)
def test_a_client_is_called_what_it_calls_itself(
    headers: dict[str, str], agent: str | None
) -> None:
    assert agent_of(headers) == agent

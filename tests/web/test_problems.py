"""What an error tells over HTTP."""

from __future__ import annotations

import pytest

from digistore.errors import Busy
from digistore.testing import FrozenClock
from digistore.web.problems import problem_of


@pytest.mark.parametrize(
    ("error", "details", "headers"),
    [
        (Busy("the database stayed locked"), {}, {"Retry-After": "1"}),
        (Busy("no answer to COMMIT", outcome_unknown=True), {"outcome_unknown": True}, {}),
    ],
)
def test_only_what_was_not_done_is_to_be_asked_again(
    error: Busy, details: dict[str, bool], headers: dict[str, str]
) -> None:
    problem = problem_of(error, FrozenClock())
    assert (problem.status, problem.code, problem.details) == (503, "busy", details)
    assert problem.headers == headers

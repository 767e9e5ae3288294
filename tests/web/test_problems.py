"""What an error tells over HTTP."""

from __future__ import annotations

import pytest

from digistore.errors import Busy
from digistore.testing import FrozenClock
from digistore.web.problems import problem_of


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (Busy("the database stayed locked"), {}),
        (Busy("no answer to COMMIT", outcome_unknown=True), {"outcome_unknown": True}),
    ],
)
def test_who_is_told_to_come_again_knows_whether_it_may_be_done(
    error: Busy, details: dict[str, bool]
) -> None:
    problem = problem_of(error, FrozenClock())
    assert (problem.status, problem.code, problem.details) == (503, "busy", details)
    assert problem.headers == {"Retry-After": "1"}

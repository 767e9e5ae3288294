"""One story for all plants: told once, then copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from digistore import Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.doctor.plant import Told, without_constraints
from tests.doctor.story import Licence, tell


@pytest.fixture(scope="session")
def told(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """A database in which everything has happened, with all its constraints."""
    path = tmp_path_factory.mktemp("story") / "shop.db"
    shutil.copy(template, path)
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(
        f"sqlite:///{path}",
        files=f"file://{path.parent}/files",
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
        personalisers={"licence-1": Licence()},
    ) as store:
        return Told(path, tell(Shop(store, sandbox, clock)))


@pytest.fixture(scope="session")
def bare(told: Told, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The same without constraints: any row can be written into it."""
    path = tmp_path_factory.mktemp("bare") / "shop.db"
    shutil.copy(told.path, path)
    without_constraints(path)
    return Told(path, told.ids)

"""A host's folder: a module that wires its store, and the same shop seen from outside."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from digistore import SYSTEM, Money, Product, Role, Store
from digistore.cli import main
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout

SECRET = "a secret of at least thirty-two characters"
RETURN = "https://shop.example/thanks"
URL = "sqlite:///shop.db"
WIRING = f"""
from digistore import AsyncStore, Store
from digistore.events import OrderPaid
from digistore.gateways.sandbox import SandboxGateway

sandbox = SandboxGateway("bank.json")
given = dict(files="file://./shop-files", gateways=[sandbox], secret="{SECRET}")


def make_store():
    return Store.open("{URL}", **given)

"""


class Host:
    """A folder with a database, and modules to name after ``--store``."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.sandbox = SandboxGateway(folder / "bank.json")

    def wire(self, code: str = "") -> str:
        """Write a module with a function ``make_store`` and more *code*; return its name."""
        name = f"wiring_{uuid4().hex}"
        (self.folder / f"{name}.py").write_text(WIRING + code)
        return name

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run the command line in this process; return exit code, output and errors."""
        try:
            code = main(words)
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        return code, out, err

    def run_on_store(self, *words: str, code: str = "") -> tuple[int, str, str]:
        """Run a command on a host's store."""
        return self.run("--store", f"{self.wire(code)}:make_store", *words)

    def run_json(self, *words: str, code: str = "") -> tuple[int, Any]:
        """Run a command on a host's store, for a program."""
        exit_code, out, _ = self.run_on_store("--json", *words, code=code)
        return exit_code, json.loads(out)

    def store(self) -> Store:
        """Open the same shop, as the host's web process would."""
        return Store.open(URL, files="file://./shop-files", gateways=[self.sandbox], secret=SECRET)

    def sell(self, store: Store) -> Product:
        """Put a product on sale."""
        seller = store.users.register(f"{uuid4().hex}@example.com")
        store.users.grant_role(SYSTEM, seller, Role.SELLER)
        book = store.catalog.add_product(seller, title="Async Python", price=Money("29.00", "USD"))
        store.catalog.release(seller, book, version="1.0", files={"book.txt": b"All of it."})
        return store.catalog.put_on_sale(seller, book)

    def order(self, store: Store, book: Product, external_id: str = "ann") -> Checkout:
        """Order it, without paying."""
        buyer = store.users.ensure(external_id, email=f"{external_id}@example.com")
        return store.orders.checkout(buyer, [book], return_url=RETURN)

    def buy(self, store: Store, book: Product, external_id: str = "ann") -> Checkout:
        """Order it and pay."""
        checkout = self.order(store, book, external_id)
        store.payments.handle_webhook("sandbox", *self.sandbox.pay(checkout))
        return checkout


@pytest.fixture
def empty_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    """A host without a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return Host(tmp_path, capsys)


@pytest.fixture
def host(empty_host: Host, template: Path) -> Host:
    """A host with a migrated database."""
    shutil.copy(template, empty_host.folder / "shop.db")
    return empty_host


class Sold(NamedTuple):
    """What was sold."""

    book: Product
    checkout: Checkout


@pytest.fixture
def sold(host: Host) -> Sold:
    """One product in the host's shop, paid by ``ann``."""
    with host.store() as store:
        book = host.sell(store)
        return Sold(book, host.buy(store, book))

"""Shops for tests: each on its own database, in both colours, checked when the test is over."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import settings

from digistore import SYSTEM, AsyncStore, Money, Role, Store
from digistore.catalog import Product
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.settings import Settings
from digistore.testing import FrozenClock, check_invariants
from digistore.users import User
from tests import compiled
from tests.extent import PART, WHOLE, extent, is_one_in
from tests.past import connection_to
from tests.postgres import VARIABLE, Wiped, postgres, process
from tests.races import KINDS, Race, points, racing, table

gc.set_threshold(50_000, 20, 50)  # what is collected here, by the thousand, is no garbage
compiled.share()
settings.register_profile("extent", max_examples=extent(40, 100))
settings.load_profile("extent")

if TYPE_CHECKING:
    from tests.s3 import S3

FOUND = pytest.StashKey[str]()
SECRET = "a secret of at least thirty-two characters"
RETURN = "https://shop.example/thanks"


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database; tests copy it, as migrating costs more than most of them."""
    path = tmp_path_factory.mktemp("template") / "shop.db"
    with Store.open(
        f"sqlite:///{path}", files=f"file://{path.parent}/files", gateways=[], secret=SECRET
    ) as store:
        store.migrate()
    return path


def pytest_configure(config: pytest.Config) -> None:
    """Start the PostgreSQL of this run, once for all of its processes."""
    if not hasattr(config, "workerinput"):
        running = ExitStack()
        os.environ[VARIABLE], config.stash[FOUND] = running.enter_context(postgres())
        config.add_cleanup(running.close)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Play every test on PostgreSQL as well, or one in as many as a mark says."""
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        (kept if _is_played(item) else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the tests themselves: it would look at them for ever."""
    gc.collect()
    gc.freeze()


def _is_played(item: pytest.Item) -> bool:
    said = item.get_closest_marker("on_postgresql")
    if "PostgreSQL-" not in item.name or (said is None and "AsyncStore" not in item.name):
        return True
    many = extent(said.kwargs["one_in"] if said else 4 if PART else 1, 1)
    return many != 0 and is_one_in(many, item.nodeid)


def pytest_report_header(config: pytest.Config) -> str:
    return f"PostgreSQL: {config.stash.get(FOUND, os.environ[VARIABLE])}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say of races and failpoints how often they were run and how it went, where all are run."""
    stats = terminalreporter.stats.values()
    reports = [one for some in stats for one in some if isinstance(one, pytest.TestReport)]
    for title, lines in (("races", table(reports)), ("failpoints", points(reports))):
        if WHOLE and lines:
            terminalreporter.section(title)
            terminalreporter.write("\n".join([*lines, ""]))


@pytest.fixture(scope="session")
def wiped() -> Iterator[Wiped]:
    """This process's database on PostgreSQL; `wipe` empties it and says where it is."""
    with closing(Wiped(os.environ[VARIABLE], f"digistore_{process()}")) as database:
        yield database


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """An S3 server of its own, for all tests of this process."""
    from tests.s3 import running_s3  # noqa: PLC0415  seconds that only these tests pay

    with running_s3() as server:
        yield server


class Awaited:
    """An AsyncStore seen as a Store: every operation is awaited on a loop of its own."""

    def __init__(self, store: AsyncStore, loop: asyncio.AbstractEventLoop) -> None:
        self._target = store
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name == "on":
            return found
        if name == "replica":
            return lambda **kwargs: Awaited(found(**kwargs), self._loop)
        if not callable(found) or hasattr(found, "_service"):
            return Awaited(found, self._loop)
        return lambda *args, **kwargs: self._run(found(*args, **kwargs))

    def _run(self, result: Any) -> Any:
        async def whole() -> Any:
            return await result

        return self._loop.run_until_complete(whole()) if inspect.isawaitable(result) else result


class Shop:
    """A store with its sandbox and clock, and the words that tests are made of."""

    def __init__(self, store: Store, sandbox: SandboxGateway, clock: FrozenClock) -> None:
        self.store = store
        self.sandbox = sandbox
        self.clock = clock
        self.seller = self.new_seller("seller@example.com")
        self.operator = store.users.register("operator@example.com")
        store.users.grant_role(SYSTEM, self.operator, Role.OPERATOR)
        self.buyer = store.users.register("buyer@example.com")

    def new_seller(self, email: str) -> User:
        seller = self.store.users.register(email)
        return self.store.users.grant_role(SYSTEM, seller, Role.SELLER)

    def product(
        self, title: str = "Async Python", price: Any = None, seller: Any = None, **kwargs: Any
    ) -> Product:
        """A product on sale with one release of one file."""
        owner = self.seller if seller is None else seller
        cost = Money("29.00", "USD") if price is None else price
        product = self.store.catalog.add_product(owner, title=title, price=cost, **kwargs)
        self.store.catalog.release(
            owner, product, version="1.0", files={"book.pdf": f"{title} 1.0".encode()}
        )
        return self.store.catalog.put_on_sale(owner, product)

    def checkout(self, product: Product, buyer: Any = None, **kwargs: Any) -> Checkout:
        who = self.buyer if buyer is None else buyer
        return self.store.orders.checkout(who, [product], return_url=RETURN, **kwargs)

    def deliver(self, signed: tuple[bytes, dict[str, str]]) -> Any:
        return self.store.payments.handle_webhook("sandbox", *signed)

    def buy(self, product: Product, buyer: Any = None, **kwargs: Any) -> Checkout:
        """A paid order."""
        checkout = self.checkout(product, buyer, **kwargs)
        if checkout.url is not None:
            self.deliver(self.sandbox.pay(checkout))
        return checkout

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database as it is, past the library."""
        target = getattr(self.store, "_target", self.store)
        with connection_to(target._shop.database) as connection:
            found = connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
            return [tuple(row) for row in found]

    def count(self, table: str, where: str = "1 = 1") -> int:
        return int(self.rows(f"SELECT count(*) FROM digistore_{table} WHERE {where}")[0][0])


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def sandbox(clock: FrozenClock) -> SandboxGateway:
    return SandboxGateway(clock=clock)


OpenStore = Callable[..., Store]
# Tests meet both colours and both databases; before a release, all four pairs.
STORES = extent(
    ["SQLite-Store", "PostgreSQL-AsyncStore"],
    ["SQLite-Store", "SQLite-AsyncStore", "PostgreSQL-Store", "PostgreSQL-AsyncStore"],
)


@pytest.fixture(params=STORES)
def kind_of_store(request: pytest.FixtureRequest) -> str:
    """The database and the colour, such as ``SQLite-Store``."""
    return str(request.param)


# For tests that go past the operations: into services, which then must not be awaited, or into
# what SQLite alone can do.
BLOCKING = pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "PostgreSQL-Store"])
SQLITE = pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "SQLite-AsyncStore"])


@pytest.fixture
def database_url(
    kind_of_store: str, request: pytest.FixtureRequest, template: Path, tmp_path: Path
) -> str:
    """Where the test's own migrated database is."""
    if kind_of_store.startswith("PostgreSQL"):
        return str(request.getfixturevalue("wiped").wipe())
    shutil.copy(template, tmp_path / "shop.db")
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def open_store(
    request: pytest.FixtureRequest,
    kind_of_store: str,
    database_url: str,
    tmp_path: Path,
    clock: FrozenClock,
    sandbox: SandboxGateway,
) -> Iterator[OpenStore]:
    """Open stores of one colour on one database; what they leave behind must be sound."""
    loop = asyncio.new_event_loop()
    closers: list[Callable[[], None]] = []
    common: dict[str, Any] = {
        "files": f"file://{tmp_path}/files",
        "gateways": [sandbox],
        "secret": SECRET,
        "clock": clock,
    }

    def make(**kwargs: Any) -> Store:
        given = {**common, **kwargs}
        if kind_of_store.endswith("-Store"):
            store = Store.open(database_url, **given)
            closers.append(store.close)
            return store
        awaited = AsyncStore.open(database_url, **given)
        closers.append(lambda: loop.run_until_complete(awaited.close()))
        return cast("Store", Awaited(awaited, loop))

    yield make
    for close in closers:
        close()
    loop.close()
    # What a test leaves behind is the same on both; planning the checks takes PostgreSQL long.
    looked_at = (2 if PART else 1) if kind_of_store.startswith("SQLite") else extent(8, 1)
    if is_one_in(looked_at, request.node.nodeid):
        with Store.open(database_url, **common) as store:
            check_invariants(store)


@pytest.fixture
def store(open_store: OpenStore) -> Store:
    return open_store()


@pytest.fixture
def shop(store: Store, sandbox: SandboxGateway, clock: FrozenClock) -> Shop:
    """A shop in either colour."""
    return Shop(store, sandbox, clock)


@pytest.fixture
def shop_with(
    open_store: OpenStore, sandbox: SandboxGateway, clock: FrozenClock
) -> Callable[..., Shop]:
    """A shop with settings of its own: ``shop_with(duplicates="ask")``."""
    return lambda **settings: Shop(open_store(settings=Settings(**settings)), sandbox, clock)


@pytest.fixture(params=KINDS)
def race(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    template: Path,
    tmp_path: Path,
    clock: FrozenClock,
    sandbox: SandboxGateway,
) -> Iterator[Race]:
    """Rivals on a database of their own, which must be sound when all is over."""
    if request.param.startswith("PostgreSQL"):
        url = str(request.getfixturevalue("wiped").wipe())
    else:
        url = f"sqlite:///{shutil.copy(template, tmp_path / 'race.db')}"
    with racing(request.param, url, tmp_path, clock, sandbox) as found:
        monkeypatch.setattr("digistore.database.database.offload", found.offload)
        yield found
        check_invariants(found.store)
        figures = (request.param, found.rounds, found.errors, found.retries)
        request.node.user_properties.append(("race", figures))
        assert found.errors == 0

"""One body for both colours: ``Store`` runs it to its end, ``AsyncStore`` in a thread."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import pytest

from digistore import SYSTEM, AsyncStore, Money, Role, Store
from digistore.blocking import Blocking, _host_loop, blocking, in_thread, offload, port, run
from digistore.errors import ConfigError, Invalid
from digistore.events import ReleasePublished
from digistore.gateways import CheckoutRequest, PaymentSnapshot
from digistore.gateways.sandbox import SandboxGateway
from tests.conftest import RETURN, SECRET

T = TypeVar("T")

# Coroutines that slices ask of one another: api.md names them as no operation, so no host calls
# them.  A public coroutine that is neither here nor in the blocking twin fails the test below.
INTERNAL = {
    "users": {"named", "acting", "visitor", "id_of", "load_many", "recipient"},
    "files": {"put", "attach", "check", "scan", "signs", "stored", "sweep"},
    "catalog": {"scan_again"},
    "short_urls": {"flush_clicks", "roll_up_due"},
    "support": {"close_old"},
    "downloads": {"check_link", "give_back", "sweep"},
    "analytics": {"close_days"},
}
FILE = {"book.pdf": b"a book"}


async def give(value: T) -> T:
    return value


async def wait_and_give(value: T) -> T:
    await asyncio.sleep(0)
    return value


# Without a loop


def test_run_returns_what_the_coroutine_returns() -> None:
    assert run(give(7)) == 7


def test_run_raises_what_the_coroutine_raises() -> None:
    async def fail() -> None:
        raise Invalid("no", fields={"a": "bad"})

    with pytest.raises(Invalid) as caught:
        run(fail())
    assert caught.value.fields == {"a": "bad"}


def test_run_refuses_what_waits_and_closes_it() -> None:
    left: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            left.append("closed")

    with pytest.raises(RuntimeError, match="async port"):
        run(wait())
    assert left == ["closed"]


def test_offload_calls_straight_away_without_a_loop() -> None:
    assert run(offload(threading.get_ident)) == threading.get_ident()


def test_offload_uses_a_worker_thread_on_a_loop() -> None:
    async def whole() -> int:
        return await offload(threading.get_ident)

    assert asyncio.run(whole()) != threading.get_ident()


def test_port_awaits_in_place_without_a_host_loop() -> None:
    assert run(port(give(3))) == 3


# A service of each colour


class AsyncGreeter:
    """What a slice offers."""

    loudest = 10

    async def greet(self, name: str, *, loudly: bool = False) -> str:
        """Say hello."""
        return await port(give(f"HELLO {name}" if loudly else f"hello {name}"))

    async def where(self) -> int:
        """Say which thread works."""
        return await offload(threading.get_ident)

    async def where_ports_run(self) -> tuple[int, object, object]:
        """Say which thread and loop a port runs on, and which loop it would wait for."""

        async def a_port() -> tuple[int, object, object]:
            await asyncio.sleep(0)
            return threading.get_ident(), asyncio.get_running_loop(), _host_loop.get()

        return await port(a_port())

    async def offload_in_a_port(self) -> int:
        """Say where blocking code of a port runs: never on the loop's own thread."""
        return await port(offload(threading.get_ident))

    async def language(self) -> str:
        """Say what the caller's context says."""
        return LANGUAGE.get()

    async def fail(self) -> None:
        """Fail."""
        raise Invalid("no")

    def plain(self) -> None:
        """Do nothing."""

    async def _hidden(self) -> None:
        """Do nothing."""


class Greeter(Blocking[AsyncGreeter]):
    """The same without an event loop."""

    greet = blocking(AsyncGreeter.greet)


LANGUAGE: ContextVar[str] = ContextVar("language", default="en")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def ask(pool: ThreadPoolExecutor, question: Callable[[AsyncGreeter], Awaitable[T]]) -> T:
    """Ask a greeter on a loop of its own."""

    async def whole() -> T:
        return await question(in_thread(AsyncGreeter(), pool))

    return asyncio.run(whole())


def test_a_twin_has_name_signature_and_docstring_of_its_method() -> None:
    assert Greeter(AsyncGreeter()).greet("Ada", loudly=True) == "HELLO Ada"
    assert Greeter.greet.__name__ == "greet"
    assert Greeter.greet.__doc__ == "Say hello."
    assert inspect.signature(Greeter.greet) == inspect.signature(AsyncGreeter.greet)


def test_an_operation_runs_whole_in_one_thread_of_the_pool(pool: ThreadPoolExecutor) -> None:
    threads = {thread.ident for thread in pool._threads}
    worked = ask(pool, lambda greeter: greeter.where())
    assert worked != threading.get_ident()
    assert worked in {thread.ident for thread in pool._threads} | threads


def test_ports_run_on_the_hosts_loop(pool: ThreadPoolExecutor) -> None:
    async def whole() -> None:
        thread, loop, waits_for = await in_thread(AsyncGreeter(), pool).where_ports_run()
        assert thread == threading.get_ident()
        assert loop is asyncio.get_running_loop()
        assert waits_for is None  # a port within a port would wait for itself

    asyncio.run(whole())


def test_blocking_code_of_a_port_does_not_stop_the_loop(pool: ThreadPoolExecutor) -> None:
    assert ask(pool, lambda greeter: greeter.offload_in_a_port()) != threading.get_ident()


def test_the_callers_context_is_seen_in_the_thread(pool: ThreadPoolExecutor) -> None:
    LANGUAGE.set("fr")
    assert ask(pool, lambda greeter: greeter.language()) == "fr"


def test_errors_come_back_as_they_are(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(Invalid):
        ask(pool, lambda greeter: greeter.fail())


@pytest.mark.parametrize("name", ["_hidden", "plain", "loudest", "missing"])
def test_only_public_coroutines_are_operations(pool: ThreadPoolExecutor, name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(in_thread(AsyncGreeter(), pool), name)


# An operation that was asked for


def test_A2_a_forgotten_await_has_no_truth_value(pool: ThreadPoolExecutor) -> None:
    pending: Any = in_thread(AsyncGreeter(), pool).greet("Ada")
    with pytest.raises(TypeError, match=r"await greet\(\.\.\.\)"):
        bool(pending)
    with pytest.raises(TypeError, match="await greet"):
        assert not pending
    asyncio.run(_awaited(pending))


def test_A2_a_forgotten_await_has_no_attributes(pool: ThreadPoolExecutor) -> None:
    pending: Any = in_thread(AsyncGreeter(), pool).greet("Ada")
    with pytest.raises(AttributeError, match=r"await greet\(\.\.\.\) first: it has no upper"):
        pending.upper()
    asyncio.run(_awaited(pending))


def test_an_operation_that_is_never_awaited_warns(pool: ThreadPoolExecutor) -> None:
    pending = in_thread(AsyncGreeter(), pool).greet("Ada")
    with pytest.warns(RuntimeWarning, match=r"greet\(\) was never awaited"):
        del pending


def test_an_operation_is_awaited_once(pool: ThreadPoolExecutor) -> None:
    pending = in_thread(AsyncGreeter(), pool).greet("Ada")
    assert asyncio.run(_awaited(pending)) == "hello Ada"
    with pytest.raises(RuntimeError, match=r"greet\(\) was awaited already"):
        asyncio.run(_awaited(pending))


def test_operations_can_be_gathered_and_bounded_in_time(pool: ThreadPoolExecutor) -> None:
    async def whole(greeter: AsyncGreeter) -> list[str]:
        both = await asyncio.gather(greeter.greet("Ada"), greeter.greet("Bob"))
        return [*both, await asyncio.wait_for(greeter.greet("Cyd"), 60)]

    assert ask(pool, whole) == ["hello Ada", "hello Bob", "hello Cyd"]


async def _awaited(pending: Awaitable[T]) -> T:
    return await pending


# The two stores


def services(store: Store) -> dict[str, tuple[type[Any], type[Any]]]:
    """Name the nouns of a store, each with its blocking twin and async service."""
    return {
        noun: (type(twin), type(twin._service))
        for noun, twin in vars(store).items()
        if isinstance(twin, Blocking)
    }


def coroutines(service: type[Any]) -> set[str]:
    return {
        name
        for name, _ in inspect.getmembers(service, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }


def operations(twin: type[Any]) -> set[str]:
    functions = inspect.getmembers(twin, inspect.isfunction)
    return {name for name, _ in functions if not name.startswith("_")}


def properties(twin: type[Any]) -> set[str]:
    return {name for name, found in vars(twin).items() if isinstance(found, property)}


@pytest.fixture
def empty_store() -> Iterator[Store]:
    with Store.open("sqlite://", files="memory://", gateways=[], secret=SECRET) as store:
        yield store


def test_every_public_coroutine_has_a_blocking_twin(empty_store: Store) -> None:
    found = services(empty_store)
    assert set(INTERNAL) <= set(found)
    for noun, (twin, service) in found.items():
        assert operations(twin) == coroutines(service) - INTERNAL.get(noun, set()), noun
        for name in operations(twin):
            mine, theirs = getattr(twin, name), getattr(service, name)
            assert inspect.signature(mine) == inspect.signature(theirs), f"{noun}.{name}"
            assert mine.__doc__ == theirs.__doc__, f"{noun}.{name}"


def test_both_stores_have_the_same_nouns_and_calls(empty_store: Store) -> None:
    other = AsyncStore.open("sqlite://", files="memory://", gateways=[], secret=SECRET)
    for noun, (twin, _) in services(empty_store).items():
        for name in operations(twin):
            mine, theirs = getattr(empty_store, noun), getattr(other, noun)
            assert inspect.signature(getattr(mine, name)) == inspect.signature(
                getattr(theirs, name)
            ), f"{noun}.{name}"
            assert getattr(mine, name).__doc__ == getattr(theirs, name).__doc__, f"{noun}.{name}"
        for name in properties(twin):
            assert getattr(getattr(other, noun), name) == getattr(getattr(empty_store, noun), name)
    for name in ("migrate", "check_schema", "doctor", "run_due", "close", "on", "open"):
        of_both = [getattr(store, name) for store in (empty_store, other)]
        assert len({str(inspect.signature(call)) for call in of_both}) == 1, name
    asyncio.run(other.close())


class AsyncSandbox(SandboxGateway):
    """A gateway with a client that waits, as those of real providers do."""

    loops: list[object]

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        await asyncio.sleep(0)
        self.loops = [asyncio.get_running_loop()]
        return await super().create_checkout(request)


@asynccontextmanager
async def async_store(
    template: Path, folder: Path, gateway: SandboxGateway
) -> AsyncIterator[AsyncStore]:
    """Open an AsyncStore in *folder*, on the loop that is running."""
    shutil.copy(template, folder / "shop.db")
    async with AsyncStore.open(
        f"sqlite:///{folder}/shop.db",
        files=f"file://{folder}/files",
        gateways=[gateway],
        secret=SECRET,
    ) as store:
        yield store


def test_a_store_refuses_an_async_port(template: Path, tmp_path: Path) -> None:
    shutil.copy(template, tmp_path / "shop.db")
    with Store.open(
        f"sqlite:///{tmp_path}/shop.db",
        files=f"file://{tmp_path}/files",
        gateways=[AsyncSandbox()],
        secret=SECRET,
    ) as store:
        product = store.catalog.add_product(SYSTEM, title="Book", price=Money("5.00", "USD"))
        store.catalog.release(SYSTEM, product, version="1", files=FILE)
        store.catalog.put_on_sale(SYSTEM, product)
        buyer = store.users.register("buyer@example.com")
        with pytest.raises(RuntimeError, match="use AsyncStore"):
            store.orders.checkout(buyer, [product], return_url=RETURN)


def test_an_async_store_awaits_an_async_port_on_the_hosts_loop(
    template: Path, tmp_path: Path
) -> None:
    async def whole() -> None:
        gateway = AsyncSandbox()
        async with async_store(template, tmp_path, gateway) as store:
            product = await store.catalog.add_product(
                SYSTEM, title="Book", price=Money("5.00", "USD")
            )
            await store.catalog.release(SYSTEM, product, version="1", files=FILE)
            await store.catalog.put_on_sale(SYSTEM, product)
            buyer = await store.users.register("buyer@example.com")
            checkout = await store.orders.checkout(buyer, [product], return_url=RETURN)
            assert checkout.url is not None
            assert gateway.loops == [asyncio.get_running_loop()]

    asyncio.run(whole())


class PatientSandbox(SandboxGateway):
    """A gateway whose client is still waiting when the host goes down."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.free = asyncio.Event(), asyncio.Event()

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        self.asked.set()
        await self.free.wait()
        return await super().create_checkout(request)


def test_closing_lets_what_has_begun_come_to_its_end(template: Path, tmp_path: Path) -> None:
    """Also where that needs the loop: closing must not hold it."""

    async def whole() -> None:
        gateway = PatientSandbox()
        async with async_store(template, tmp_path, gateway) as store:
            product = await store.catalog.add_product(
                SYSTEM, title="Book", price=Money("5.00", "USD")
            )
            await store.catalog.release(SYSTEM, product, version="1", files=FILE)
            await store.catalog.put_on_sale(SYSTEM, product)
            buyer = await store.users.register("buyer@example.com")
            buying = asyncio.ensure_future(
                store.orders.checkout(buyer, [product], return_url=RETURN)
            )
            await gateway.asked.wait()
            closing = asyncio.ensure_future(store.close())
            asyncio.get_running_loop().call_soon(gateway.free.set)
            await closing
            assert (await buying).url is not None

    asyncio.run(whole())


def test_many_tasks_share_an_async_store(template: Path, tmp_path: Path) -> None:
    async def whole() -> None:
        async with async_store(template, tmp_path, SandboxGateway()) as store:
            seller = await store.users.register("seller@example.com")
            await store.users.grant_role(SYSTEM, seller, Role.SELLER)
            product = await store.catalog.add_product(seller, title="Free", price=Money.zero("USD"))
            await store.catalog.release(seller, product, version="1", files=FILE)
            await store.catalog.put_on_sale(seller, product)

            async def take(number: int) -> bool:
                buyer = await store.users.ensure(f"host-{number % 12}")
                await store.orders.checkout(
                    buyer, [product], return_url=RETURN, idempotency_key="one-click"
                )
                return bool(await store.entitlements.check(buyer, product))

            assert all(await asyncio.gather(*(take(number) for number in range(24))))
            report = await store.doctor()
            assert report.findings == ()

    asyncio.run(whole())


# Handlers


def test_a_store_refuses_an_async_handler(empty_store: Store) -> None:
    async def handler(_event: ReleasePublished) -> None:
        """Do nothing."""

    with pytest.raises(ConfigError, match="AsyncStore"):
        empty_store.on(ReleasePublished, handler, name="notes")


class AsyncCallable:
    """A handler that is no coroutine function, but whose answer is to be awaited."""

    def __init__(self, heard: list[object]) -> None:
        self.heard = heard

    async def __call__(self, event: ReleasePublished) -> None:
        await asyncio.sleep(0)
        self.heard.append(asyncio.get_running_loop())


def test_every_kind_of_handler_runs_where_it_belongs(template: Path, tmp_path: Path) -> None:
    async def whole() -> None:
        heard: list[object] = []
        threads: list[int] = []

        async def on_the_loop(_event: ReleasePublished) -> None:
            await asyncio.sleep(0)
            heard.append(asyncio.get_running_loop())

        async with async_store(template, tmp_path, SandboxGateway()) as store:
            store.on(ReleasePublished, on_the_loop, name="async")
            store.on(ReleasePublished, AsyncCallable(heard), name="object")
            store.on(ReleasePublished, lambda told: on_the_loop(told), name="lambda")  # noqa: PLW0108 - it hides the coroutine function
            store.on(
                ReleasePublished, lambda _: threads.append(threading.get_ident()), name="blocking"
            )
            product = await store.catalog.add_product(
                SYSTEM, title="Book", price=Money("5.00", "USD")
            )
            await store.catalog.release(SYSTEM, product, version="1", files=FILE)
            report = await store.run_due()
        assert (report.delivered, report.failed) == (4, 0)
        assert heard == [asyncio.get_running_loop()] * 3
        assert threads != [threading.get_ident()]

    asyncio.run(whole())

"""Write once in ``async def``; run it with an event loop, or with none.

A coroutine whose ports never suspend runs to its end in a single ``send``. ``Store`` runs
operations so, on the caller's thread; ``AsyncStore`` over a blocking database runs each of them
so in a thread of its own pool, and sends ports back to the host's loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import ContextVar
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)

_without_loop: ContextVar[bool] = ContextVar("digistore_without_loop", default=False)
_host_loop: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar(
    "digistore_host_loop", default=None
)


class Around(Protocol):
    """Makes of each operation one that something is done before and after."""

    def __call__(self, operation: Coroutine[Any, Any, T], /) -> Coroutine[Any, Any, T]:
        """Return *operation* with what is around it."""


def run(coro: Coroutine[Any, Any, T], around: Around | None = None) -> T:
    """Run *coro*, with what is *around* it, to its end without an event loop.

    Raises:
        RuntimeError: it waits for something, so an async port was given to a blocking store.
    """
    if around is not None:
        coro = around(coro)
    token = _without_loop.set(True)
    try:
        coro.send(None)
        coro.close()
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        _without_loop.reset(token)
    raise RuntimeError("Store was given an async port; give it a blocking one or use AsyncStore")


async def offload(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call blocking code: straight away without a loop, else in a worker thread."""
    if _without_loop.get():
        return call(*args, **kwargs)
    return await asyncio.to_thread(call, *args, **kwargs)


async def port(coro: Coroutine[Any, Any, T]) -> T:
    """Await a port where it belongs: on the host's loop if there is one."""
    loop = _host_loop.get()
    if loop is None:
        return await coro
    return asyncio.run_coroutine_threadsafe(_on_loop(coro), loop).result()


async def _on_loop(coro: Coroutine[Any, Any, T]) -> T:
    # The task inherits the context of the calling thread, which says that there is no loop.
    _without_loop.set(False)
    _host_loop.set(None)
    return await coro


class Blocking(Generic[A_co]):
    """A blocking view of an async service; its methods are made by :func:`blocking`."""

    def __init__(self, service: A_co, around: Around | None = None) -> None:
        """Show *service* without an event loop, with what is *around* each operation."""
        self._service = service
        self._around = around


def blocking(
    method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Blocking[A], P], T]:
    """Return the blocking twin of *method*: same name, signature and docstring."""

    def twin(self: Blocking[A], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return run(method(self._service, *args, **kwargs), self._around)

    return functools.update_wrapper(twin, method)


class Pending(Awaitable[T]):
    """An operation that has been asked for; ``await`` it.

    Its truth value raises: ``if store.entitlements.check(...)`` without ``await`` would let
    everybody in.
    """

    def __init__(self, name: str, start: Callable[[], Awaitable[T]]) -> None:
        """Remember how to *start* the operation called *name*."""
        self._name = name
        self._start: Callable[[], Awaitable[T]] | None = start

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the operation; it can be awaited once."""
        start, self._start = self._start, None
        if start is None:
            raise RuntimeError(f"{self._name}() was awaited already")
        return start().__await__()

    def __bool__(self) -> bool:
        """Refuse to be a truth value.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"await {self._name}(...) first: without it everything would look true")

    def __getattr__(self, name: str) -> NoReturn:
        """Say what is missing.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"await {self._name}(...) first: it has no {name} before")

    def __del__(self) -> None:
        """Warn, as Python does of coroutines, of an operation that was never awaited."""
        if self._start is not None:
            warnings.warn(f"{self._name}() was never awaited", RuntimeWarning, stacklevel=2)


class OnLoop:
    """A service whose operations are awaited on the host's loop itself."""

    def __init__(self, service: object, around: Around | None = None) -> None:
        """Show the operations of *service*, which waits for its database without blocking."""
        self._service = service
        self._around = around

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the service has
        """Return the operation *name*, to be awaited on the host's loop, or a property's value."""
        method = getattr(self._service, name)
        if isinstance(inspect.getattr_static(type(self._service), name, None), property):
            return method
        if name.startswith("_") or not inspect.iscoroutinefunction(method):
            raise AttributeError(name)

        @functools.wraps(method)
        def operation(*args: Any, **kwargs: Any) -> Pending[Any]:  # noqa: ANN401
            return Pending(name, lambda: self._begin(functools.partial(method, *args, **kwargs)))

        return operation

    async def _begin(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        begun = operation()
        return await (begun if self._around is None else self._around(begun))


class InThread(OnLoop):
    """A service each of whose operations runs whole in one thread of a pool."""

    def __init__(self, service: object, pool: Executor) -> None:
        """Run the operations of *service* in *pool*."""
        super().__init__(service)
        self._pool = pool

    async def _begin(self, operation: Callable[[], Coroutine[Any, Any, T]]) -> T:
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        context.run(_host_loop.set, loop)
        work = functools.partial(context.run, lambda: run(operation()))
        return await loop.run_in_executor(self._pool, work)


def on_loop(service: A, around: Around | None = None) -> A:
    """Return *service* for a host's loop that its database does not block."""
    return cast("A", OnLoop(service, around))


def in_thread(service: A, pool: Executor) -> A:
    """Return *service* for a host's loop: each operation runs whole in a thread of *pool*.

    A call to SQLite through an async driver costs 48 to 104 times a direct one, a thread hop 23
    times; with one hop per operation the embedded default serves both colours.
    """
    return cast("A", InThread(service, pool))

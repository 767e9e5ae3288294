"""(j) send 200 MB through each host.

The floor is what nobody can leave out: read 64 KiB from the file, send them over a loopback socket,
again and again.  Memory is the most that the serving process held, above what it held before.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.runner import Case, Subject, Table, Way, interleave

SIZE = 200 * 2**20
GOAL, GOAL_MEMORY = 1.0, 16.0
WHY = {
    "waitress": "waitress copies what it sends through buffers of its own, by 18 KB",
    "uvicorn": "within the noise of a loopback socket, as the quartiles show",
}
HERE = Path(__file__).resolve().parents[1]
MODULE = "benchmarks.streaming"
SERVERS = ("uvicorn fastapi", "uvicorn asgi", "uvicorn litestar", "waitress flask", "waitress wsgi")


def seconds_to_read(address: str) -> float:
    """Fetch what *address* serves and throw it away."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    buffer, left = bytearray(2**20), SIZE
    started = time.perf_counter()
    connection.request("GET", parts.path)
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise SystemExit(f"{address}: {answer.status}")
    while left:
        left -= answer.readinto(buffer)
    ended = time.perf_counter()
    connection.close()
    return ended - started


@contextmanager
def process(*words: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Run this file as a server; yields where it serves, and its process id."""
    with subprocess.Popen(  # noqa: S603  our own command
        [sys.executable, "-m", MODULE, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        if server.stdout is None:
            raise AssertionError
        try:
            yield server.stdout.readline().strip(), server.pid
        finally:
            server.kill()


def megabytes_held(pid: int, what: str) -> float:
    """Return ``VmRSS`` (now) or ``VmHWM`` (at most) of a process, as Linux tells it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def stream(rounds: int) -> Table:
    """(j) each host in a process of its own, beside a bare loop in another."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        (folder / "big.bin").write_bytes(os.urandom(SIZE))

        def started(*words: str) -> tuple[str, int]:
            return running.enter_context(process("serve", *words, folder=folder))

        served = {words: started(*words.split()) for words in SERVERS}
        before = {words: megabytes_held(pid, "VmRSS") for words, (_, pid) in served.items()}
        table = interleave(
            Subject("j", f"stream {SIZE // 2**20} MB"),
            lambda: _reading(started("floor", "floor")[0]),
            {
                words: Way(_reading(address), GOAL, WHY.get(words.partition(" ")[0], ""))
                for words, (address, _) in served.items()
            },
            rounds=rounds,
            seconds=0.0,
        )
        more = {
            words: megabytes_held(pid, "VmHWM") - before[words]
            for words, (_, pid) in served.items()
        }
    held = ", ".join(f"{words} {megabytes:.1f}" for words, megabytes in more.items())
    return replace(table, notes=[f"Memory in MB, goal {GOAL_MEMORY:g}: {held}."])


def _reading(address: str) -> Case:
    return lambda times: sum(seconds_to_read(address) for _ in range(times))


def serve(server: str, host: str) -> None:
    """Serve the file until somebody ends the process; say where."""
    if server == "floor":
        serve_floor()
        return
    listening = socket.create_server(("127.0.0.1", 0))
    app, path = shop_app(host)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}{path}", flush=True)
    if server == "uvicorn":
        import uvicorn  # noqa: PLC0415  each process loads its own server alone

        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
    else:
        import waitress  # noqa: PLC0415

        waitress.serve(app, sockets=[listening], _quiet=True)


def serve_floor() -> None:
    """Answer every connection with the file, 64 KiB at a time, and nothing else."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}/", flush=True)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n".encode()
    while True:
        client, _ = listening.accept()
        with client, Path("big.bin").open("rb", buffering=0) as file:
            client.recv(65536)
            client.sendall(head)
            while part := file.read(65536):
                client.sendall(part)


def shop_app(host: str) -> tuple[Any, str]:
    """Make a shop that sells the file, in a host; returns the path of a link to it."""
    from digistore import SYSTEM, AsyncStore, Money, Store  # noqa: PLC0415
    from digistore.gateways.sandbox import SandboxGateway  # noqa: PLC0415

    sandbox = SandboxGateway()
    home = Path(f"shop-{host}-{os.getpid()}").resolve()
    home.mkdir()
    url, files, secret = f"sqlite:///{home}/shop.db", f"file://{home}/files", "s" * 32
    store = Store.open(url, files=files, gateways=[sandbox], secret=secret)
    store.migrate()
    book = store.catalog.add_product(SYSTEM, title="Book", price=Money("1.00", "USD"))
    store.catalog.release(SYSTEM, book, version="1.0", files={"big.bin": Path("big.bin")})
    store.catalog.put_on_sale(SYSTEM, book)
    buyer = store.users.register("buyer@example.com")
    made = store.orders.checkout(buyer, [book], return_url="https://shop.example/")
    store.payments.handle_webhook("sandbox", *sandbox.pay(made))
    path = f"/shop/d/{store.downloads.link(buyer, book).token}"
    if host in {"flask", "wsgi"}:
        return blocking_app(host, store), path
    mounted = AsyncStore.open(url, files=files, gateways=[sandbox], secret=secret)
    return async_app(host, mounted), path


def blocking_app(host: str, store: object) -> Any:  # noqa: ANN401  whatever a server takes
    """Mount a ``Store``."""
    import flask  # noqa: PLC0415
    from werkzeug.exceptions import NotFound  # noqa: PLC0415
    from werkzeug.middleware.dispatcher import DispatcherMiddleware  # noqa: PLC0415

    import digistore.web.flask  # noqa: PLC0415
    import digistore.web.wsgi  # noqa: PLC0415
    from digistore import Store  # noqa: PLC0415

    if not isinstance(store, Store):
        raise TypeError
    if host == "wsgi":
        mounted = digistore.web.wsgi.app(store, user=lambda _: None)
        return DispatcherMiddleware(NotFound(), {"/shop": mounted})
    app = flask.Flask("benchmark")
    digistore.web.flask.Digistore(app, store, user=lambda: None)
    return app


def async_app(host: str, store: object) -> Any:  # noqa: ANN401  as above
    """Mount an ``AsyncStore``."""
    from fastapi import FastAPI  # noqa: PLC0415
    from litestar import Litestar  # noqa: PLC0415
    from starlette.applications import Starlette  # noqa: PLC0415
    from starlette.routing import Mount  # noqa: PLC0415

    import digistore.web.asgi  # noqa: PLC0415
    import digistore.web.fastapi  # noqa: PLC0415
    import digistore.web.litestar  # noqa: PLC0415
    from digistore import AsyncStore  # noqa: PLC0415

    if not isinstance(store, AsyncStore):
        raise TypeError
    if host == "asgi":
        return Starlette(
            routes=[Mount("/shop", digistore.web.asgi.app(store, user=lambda _: None))]
        )
    if host == "litestar":
        return Litestar([digistore.web.litestar.digistore_router(store, user=lambda: None)])
    app = FastAPI()
    router = digistore.web.fastapi.digistore_router(store, user=lambda: None)
    app.include_router(router, prefix="/shop")
    return app


if __name__ == "__main__":
    serve(*sys.argv[2:])

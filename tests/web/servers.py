"""Real servers on free loopback ports, in threads: connections wait until they run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import waitress.server
from waitress import wasyncore


@contextmanager
def served_by_uvicorn(app: Any) -> Iterator[str]:
    """Serve an ASGI application; yields its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@contextmanager
def served_by_waitress(app: Any) -> Iterator[str]:
    """Serve a WSGI application; yields its address."""
    channels: dict[Any, Any] = {}
    server: Any = waitress.server.create_server(
        app,
        map=channels,
        host="127.0.0.1",
        port=0,
        threads=4,
        clear_untrusted_proxy_headers=True,
        outbuf_overflow=2**30,  # it forgets to close the files that it would overflow into
    )
    stopped = threading.Event()

    def turn() -> None:
        while not stopped.is_set():
            wasyncore.loop(map=channels, count=1)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        stopped.set()
        server.pull_trigger()  # wakes it up
        thread.join()
        server.task_dispatcher.shutdown()
        wasyncore.close_all(channels)


SERVERS = {"uvicorn": served_by_uvicorn, "waitress": served_by_waitress}

"""A double as an HTTP server on loopback; one thread for each connection of a client."""

from __future__ import annotations

import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Protocol

from digistore.testing.loopback.messages import Reply, Request

_LONGEST_BODY = 1 << 20


class Answers(Protocol):
    """What stands behind the server."""

    def answer(self, request: Request) -> Reply | None:
        """Return the reply, ``None`` to hang up without one."""


class Server(ThreadingHTTPServer):
    """Listens on a free port of 127.0.0.1 until `close`."""

    daemon_threads = False
    block_on_close = True  # close() waits for the threads, so none outlives a test

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.failures: list[BaseException] = []  # of the double itself, never of a client
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        self._thread = Thread(target=self.serve_forever, args=(0.01,), name="double")

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def open(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def hang_up(self) -> None:
        """Take no new connection, and end all there are: no reply goes out any more."""
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def close(self) -> None:
        """Give the port back, once every thread has seen that nobody listens."""
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what went wrong in the double, to be raised when it is closed.

        A client that hangs up, as after a timeout, is no failure.
        """
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            self.failures.append(error)

    def connected(self, connection: socket.socket) -> None:
        """Remember a connection: a client's pool keeps it open between requests."""
        with self._lock:
            self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        """Forget it."""
        with self._lock:
            self._open.discard(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each reply waits 40 ms for the client's ACK
    wbufsize = -1  # head and body leave together
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connected(self.connection)

    def finish(self) -> None:
        self.server.disconnected(self.connection)
        super().finish()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing: the requests of a double tell more."""

    def _answer(self) -> None:
        told = self.headers.get("Content-Length", "0")
        length = int(told) if told.isdecimal() else _LONGEST_BODY + 1
        if length > _LONGEST_BODY:
            self.close_connection = True
            self.send_error(413)
            return
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(length).decode("utf-8", "replace")
        reply = self.server.answers.answer(Request(self.command, path, query, headers, body))
        if reply is None:
            self.close_connection = True
            _hang_up(self.connection)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Type" not in reply.headers:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def _hang_up(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster

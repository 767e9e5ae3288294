"""Serve an app on a free loopback port and say where: ``serve.py waitress module:factory``."""

from __future__ import annotations

import importlib
import os
import socket
import sys

import uvicorn
import waitress


def main(server: str, name: str) -> None:
    """Make the app and serve it until somebody ends the process."""
    sys.path.insert(0, os.getcwd())  # noqa: PTH109  sys.path holds text
    module, _, factory = name.partition(":")
    app = getattr(importlib.import_module(module), factory)()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)  # noqa: T201  its answer
    if server == "uvicorn":
        uvicorn.Server(uvicorn.Config(app, log_level="error")).run(sockets=[listening])
    else:
        waitress.serve(app, sockets=[listening], _quiet=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

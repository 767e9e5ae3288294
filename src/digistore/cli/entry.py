"""From the words of a command line to an exit code: 0 fine, 1 findings or failed, 2 usage."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from digistore import __version__
from digistore.cli.commands import COMMANDS, GROUPS
from digistore.cli.screen import Screen, masked
from digistore.errors import ConfigError, DigistoreError

FINE: Final = 0
FINDINGS: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130  # what a shell expects of a program that Ctrl-C has ended


class _Parser(argparse.ArgumentParser):
    """A parser that repeats no password of a URL that it could not place."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(message))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with *arguments*, by default those of the process.

    Returns:
        The exit code: 0 fine, 1 findings or failed, 2 usage or a store that cannot be used.
        As argparse does, a line that cannot be understood ends with ``SystemExit``.
    """
    given = _parser().parse_args(arguments)
    screen = Screen(as_json=given.json)
    try:
        answer = given.run(given, screen)
        screen.wipe()
        screen.show(answer)
    except DigistoreError as error:
        return _failed(screen, error)
    except KeyboardInterrupt:
        screen.note("stopped")
        return INTERRUPTED
    except BrokenPipeError:  # as in ``digistore demo | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINDINGS
    return FINE if answer.ok else FINDINGS


def _failed(screen: Screen, error: DigistoreError) -> int:
    screen.wipe()
    message = masked(str(error))
    screen.note(f"digistore: {message}")
    if screen.as_json:
        screen.show_json({"error": {"code": error.code, "message": message}})
    return USAGE if isinstance(error, ConfigError) else FINDINGS


def _parser() -> _Parser:
    parser = _Parser(
        prog="digistore",
        description="Sell digital products from your own Python web app.",
        epilog="Exit codes: 0 fine, 1 findings or failed, 2 usage.",
        parents=[_common(first=True)],
    )
    parser.add_argument("--version", action="version", version=f"digistore {__version__}")
    groups: dict[tuple[str, ...], Any] = {
        (): parser.add_subparsers(metavar="COMMAND", required=True)
    }
    for command in COMMANDS:
        *before, name = command.words
        group = tuple(before)
        if group not in groups:
            inner = groups[()].add_parser(*group, help=GROUPS[group[0]])
            groups[group] = inner.add_subparsers(metavar="COMMAND", required=True)
        own = groups[group].add_parser(
            name, help=command.help, description=command.help, parents=[_common()]
        )
        command.arguments(own)
        own.set_defaults(run=command.run, words=command.words)
    return parser


def _common(*, first: bool = False) -> argparse.ArgumentParser:
    """Make the options that may stand before the command and after it."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--store",
        metavar="MODULE:NAME",
        default=None if first else argparse.SUPPRESS,
        help="your own store, or a function that returns it, such as shop.wiring:store",
    )
    common.add_argument(
        "--json",
        action="store_true",
        default=False if first else argparse.SUPPRESS,
        help="answer with one JSON document",
    )
    return common

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from digistore import __version__
from digistore.cli.commands import COMMANDS
from tests.cli.conftest import SECRET, Host

NAMES = [" ".join(command.words) for command in COMMANDS]


def test_all_commands_are_there() -> None:
    assert NAMES == [
        "demo",
        "migrate",
        "doctor",
        "copy",
        "explain",
        "reconcile",
        "outbox run",
        "work",
        "files verify",
        "files collect",
        "links import",
        "links export",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_explains_itself(empty_host: Host, name: str) -> None:
    code, out, _ = empty_host.run(*name.split(), "--help")
    assert code == 0
    assert f"usage: digistore {name}" in out
    assert "--json" in out


def test_the_module_is_a_command_line() -> None:
    command = [sys.executable, "-W", "error", "-m", "digistore", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - our own
    assert shown == f"digistore {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("outbox",),
        ("refund",),
        ("work", "--every", "0"),
        ("work", "--every", "soon"),
        ("work", "--every", "nan"),
        ("reconcile", "--since", "yesterday"),
        ("explain", "--user", "ann"),
        ("demo", "--fast"),
    ],
)
def test_a_line_that_cannot_be_understood_is_usage(
    empty_host: Host, words: tuple[str, ...]
) -> None:
    code, out, err = empty_host.run(*words)
    assert (code, out) == (2, "")
    assert "usage: digistore" in err


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"demo", "copy"}])
def test_a_store_must_be_named(empty_host: Host, name: str) -> None:
    needed = {"explain": ["--user", "u", "--product", "p"], "links import": ["links.csv"]}
    code, out, err = empty_host.run(*name.split(), *needed.get(name, []))
    assert (code, out) == (2, "")
    assert (
        err == f"digistore: name your store, such as: digistore --store shop.wiring:store {name}\n"
    )


@pytest.mark.parametrize("reference", ["shop", "shop:", ":store", ""])
def test_a_store_is_named_by_module_and_name(empty_host: Host, reference: str) -> None:
    code, _, err = empty_host.run("--store", reference, "work")
    assert code == 2
    assert "name your store" in err


@pytest.mark.parametrize(
    ("code", "name", "said"),
    [
        ("", "nothing", "AttributeError"),
        ("raise RuntimeError('no settings')", "store", "RuntimeError: no settings"),
        ("store = 7", "store", "is no digistore.Store, but of type int"),
        ("store = Store", "store", "TypeError"),
        ("def store(): return None", "store", "of type NoneType"),
        ("async def store(): ...", "store", "for an event loop"),
        (
            "store = Store.open('sqlite://', files='memory://', gateways=[], secret='short')",
            "store",
            "ConfigError",
        ),
    ],
)
def test_what_is_no_store_is_refused_in_one_sentence(
    host: Host, code: str, name: str, said: str
) -> None:
    module = host.wire(code)
    exit_code, out, err = host.run("--store", f"{module}:{name}", "doctor")
    assert (exit_code, out) == (2, "")
    assert err.startswith(f"digistore: --store {module}:{name} ")
    assert said in err
    assert "Traceback" not in err


def test_an_async_store_is_refused(host: Host) -> None:
    module = host.wire('store = AsyncStore.open("sqlite:///shop.db", **given)')
    code, _, err = host.run("--store", f"{module}:store", "work")
    assert code == 2
    assert "is for an event loop; name a Store" in err


def test_a_store_and_a_name_within_a_name_are_found(host: Host) -> None:
    module = host.wire("class app:\n    store = make_store()\n")
    code, out, _ = host.run("--store", f"{module}:app.store", "migrate")
    assert (code, out) == (0, "at revision dg0001 already\n")


def test_options_may_stand_behind_the_command(host: Host) -> None:
    code, out, _ = host.run("migrate", "--json", "--store", f"{host.wire()}:make_store")
    assert (code, json.loads(out)) == (0, {"revision": "dg0001", "changed": False})


def test_a_url_and_a_store_are_too_much(host: Host) -> None:
    code, _, err = host.run_on_store("doctor", "sqlite:///shop.db")
    assert (code, err) == (2, "digistore: give a URL or --store, not both\n")


def test_an_error_is_a_document_too(host: Host) -> None:
    code, found = host.run_json("explain", "--user", "usr_x", "--product", "prd_x")
    assert code == 1
    assert found["error"]["code"] == "not_found"


@pytest.mark.parametrize("words", [("sqlite://u:hush@h/db",), ("migrate", "x", "a://u:hu@sh@h/db")])
def test_passwords_are_not_repeated(empty_host: Host, words: tuple[str, ...]) -> None:
    code, out, err = empty_host.run(*words)
    assert code == 2
    assert "***@h/db" in err
    assert "sh@" not in out + err


def test_passwords_in_a_host_s_own_error_are_not_repeated(host: Host) -> None:
    _, out, err = host.run_on_store("work", code="raise ValueError('db://u:hush@h')")
    assert "ValueError: db://u:***@h" in err
    assert "hush" not in out + err


def test_the_secret_is_shown_by_no_command(host: Host) -> None:
    for name in NAMES:
        needed = ["--user", "ext:ann", "--product", "async-python"] if name == "explain" else []
        needed += ["--once"] if name == "work" else []
        if name != "demo":
            _, out, err = host.run_on_store(*name.split(), *needed)
            assert SECRET not in out + err


@pytest.mark.usefixtures("host")
def test_a_reader_who_leaves_early_is_no_trouble() -> None:
    code = "import sys; from digistore.cli import main; sys.exit(main(['doctor', 'sqlite:///shop.db']))"
    command = f'{sys.executable} -c "{code}" | true'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)  # noqa: S602 - the pipe is the point
    assert "Traceback" not in done.stderr

# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2026.10"]
# ///
"""Every task of this project: ``python3 noxfile.py`` on a bare Python, or plain ``nox``.

Without arguments it runs all checks; ``-s demo`` plays a whole purchase, ``-l`` lists the tasks.
What stands behind ``--`` goes to the tool: ``python3 noxfile.py -s tests -- -k refund -x``.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NOX = "nox[uv]>=2026.10"

if sys.version_info < (3, 11):  # noqa: UP036 - what is refused here is an older Python
    sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}")


def bootstrap() -> int:
    """Run this file again in a small environment of its own that has nox; make it when needed."""
    home = HERE / ".nox" / "_bootstrap"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ready = home / "ready"  # written last, so that an interrupted installation is made anew
    wanted = f"{NOX} on Python {sys.version.split()[0]}, with "
    made = ready.read_text() if ready.exists() and python.exists() else ""
    if not made.startswith(wanted):
        make_environment(home, python)
    environment = os.environ | settings_for_uv(python)
    if not made.startswith(wanted):
        made = wanted + installer(python, environment)
        ready.write_text(made)
    if made == wanted + "pip":
        environment.setdefault("NOX_DEFAULT_VENV_BACKEND", "venv")
    command = [str(python), str(HERE / "noxfile.py"), *sys.argv[1:]]
    try:
        return subprocess.call(command, cwd=HERE, env=environment)
    except KeyboardInterrupt:
        return 130


def make_environment(home: Path, python: Path) -> None:
    """Make an empty environment and install nox there, by pip, which knows this machine."""
    print("first run: installing nox", flush=True)
    try:
        import venv  # noqa: PLC0415 - Debian packs it apart

        venv.create(home, clear=True, with_pip=True)
    except (ImportError, subprocess.CalledProcessError):
        sys.exit("the venv module cannot make environments here (Debian: apt install python3-venv)")
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", NOX]
    if subprocess.call(pip) != 0:
        sys.exit(f"could not install {NOX}; is there a network or a package mirror?")


def settings_for_uv(python: Path) -> dict[str, str]:
    """Tell uv what pip knows about certificates and the index; uv's own settings win."""
    # As pip does: a company proxy has certificates of its own.
    settings = {"UV_SYSTEM_CERTS": os.environ.get("UV_SYSTEM_CERTS", "true")}
    if {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & os.environ.keys():
        return settings
    ask = [str(python), "-m", "pip", "config", "list"]
    answer = subprocess.run(ask, capture_output=True, text=True, check=False)
    found = dict(line.split("=", 1) for line in answer.stdout.splitlines() if "=" in line)
    for name in (":env:.index-url", "install.index-url", "global.index-url"):
        if name in found:
            return settings | {"UV_DEFAULT_INDEX": found[name].strip("'\"")}
    return settings


def installer(python: Path, environment: dict[str, str]) -> str:
    """Say who installs packages from now on: ``uv``, which is fast, or ``pip``, which works."""
    ask = [str(python), "-m", "uv", "pip", "compile", "-q", "-"]
    answer = subprocess.run(
        ask, input=b"hatchling", env=environment, capture_output=True, check=False
    )
    if answer.returncode == 0:
        return "uv"
    print("uv cannot reach a package index here: pip takes its place, which is slower", flush=True)
    return "pip"


if __name__ == "__main__" and importlib.util.find_spec("nox") is None:
    raise SystemExit(bootstrap())

import nox  # noqa: E402

os.environ.setdefault("UV_SYSTEM_CERTS", "true")
pyenv = shutil.which("pyenv")
if pyenv:
    # pyenv shows the chosen Python only; the tests want to see every one that is installed.
    ask = [pyenv, "versions", "--bare"]
    found = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.split()
    chosen = [os.environ["PYENV_VERSION"]] if "PYENV_VERSION" in os.environ else []
    os.environ["PYENV_VERSION"] = ":".join([*chosen, *reversed(found)])

PROJECT = nox.project.load_toml(HERE / "pyproject.toml")
CURRENT = f"{sys.version_info.major}.{sys.version_info.minor}"
SUPPORTED = nox.project.python_versions(PROJECT)
ON_EVERY_PYTHON = [
    "tests/acceptance/test_domain_rules.py",
    *(f"tests/{name}" for name in ("test_money.py", "test_blocking.py", "database")),
    "-k",
    "not PostgreSQL",
    "--ignore-glob=tests/database/test_postgresql*",
]
PYTHONS = SUPPORTED if CURRENT in SUPPORTED else [*SUPPORTED, CURRENT]

OLDEST_STRIPE = "15.6.0"
# A release of somebody else's must not fail a change that has nothing to do with it.
TESTED = ["-c", "constraints.txt"]
PEERS = {
    "ourselves": [],
    "dj_stripe": ["dj-stripe"],
    "django_oscar": ["django-oscar"],
    "django_payments": ["django-payments", "stripe<14"],  # it uses events as dicts
    "pycasbin": ["pycasbin"],
}

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False  # a Python that is not here is skipped, and said
nox.options.sessions = ["lint", "types", "docs", "tests", "contract"]


def install(session: nox.Session, *groups: str, editable: bool = False) -> None:
    """Install the project, as its users would unless *editable*, and the named groups."""
    project = ["-e", "."] if editable else ["."]
    session.install(*TESTED, *project, *nox.project.dependency_groups(PROJECT, *groups))


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run pytest on all cores; with arguments of the caller's own, as they say."""
    session.run("pytest", *arguments, *(session.posargs or ["-n", "auto"]), env=where_tests_write())


def where_tests_write() -> dict[str, str]:
    """Let tests write to memory where there is room: on a disk they wait for each commit."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of pytest's own is made there
    room = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2**30
    return {"TMPDIR": str(memory)} if room else {}


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style: all rules of ruff, and its format."""
    session.install(*TESTED, *nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types: mypy, strict."""
    install(session, "lint", "test", "docs", editable=True)
    session.install(*TESTED, NOX)
    session.run("mypy", "--num-workers", "auto", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; a warning is an error."""
    install(session, "docs", editable=True)
    session.run("sphinx-build", "-W", "-n", "--keep-going", "-q", "docs", "docs/_build/html")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all on this Python, and what depends on it most on each other one that is found.

    What belongs to the contract suites is left to the session of that name.
    """
    install(session, "test")
    if session.python == CURRENT or session.posargs:
        pytest(session, "--ignore=tests/contract")
    else:
        pytest(session, *ON_EVERY_PYTHON)


@nox.session
def whole(session: nox.Session) -> None:
    """Play all races, lives, hosts, and pairs of database and colour; `tests` plays a part."""
    install(session, "test")
    session.env["DIGISTORE_TESTS"] = "whole"
    pytest(session, "--ignore=tests/contract")


@nox.session
def contract(session: nox.Session) -> None:
    """Run the contract suites of digistore.testing over our own adapters."""
    install(session, "test")
    pytest(session, "tests/contract")


@nox.session
def stripe_oldest(session: nox.Session) -> None:
    """Run what concerns Stripe on the oldest SDK that we say is enough."""
    install(session, "test")
    session.install(f"stripe=={OLDEST_STRIPE}")
    pytest(session, "tests/contract/test_gateways.py", "tests/gateways", "-k", "stripe")


@nox.session
def mutation(session: nox.Session) -> None:
    """Change what decides about money and rights, and see that tests notice: an hour.

    ``-- money`` tries the modules with that in their name.
    """
    install(session, "test", editable=True)
    session.install("mutmut>=3.8,<4")
    session.run("python", "-m", "tests.mutation.mutants", *session.posargs, env=where_tests_write())


@nox.session
def removals(session: nox.Session) -> None:
    """Take away each constraint and guard, alone and in pairs, and see who notices: 15 minutes.

    ``-- guards discount`` takes away the guards with that in their name.
    """
    install(session, "test", editable=True)
    session.run(
        "python", "-m", "tests.mutation.removals", *session.posargs, env=where_tests_write()
    )


@nox.session
def demo(session: nox.Session) -> None:
    """Play a whole purchase, with no keys and no services."""
    install(session)
    session.run("python", "-m", "digistore", "demo", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure the hot paths beside the bare driver: a quarter of an hour on a quiet machine.

    ``-- --quick`` takes a minute; ``-- --only a`` measures one operation.
    """
    install(session, "test")
    session.run("python", "-m", "benchmarks", *session.posargs)  # on a disk: commits wait


@nox.session
def upgrade(session: nox.Session) -> None:
    """Write down the newest release of all that the checks install."""
    session.install("uv")
    everything = ["pyproject.toml", "--all-extras", "--group", "dev"]
    for_pip = ["--strip-extras", "--no-annotate", "--no-header", "-o", "constraints.txt"]
    python = ["--universal", "--python-version", SUPPORTED[0]]
    session.run("uv", "pip", "compile", "-q", "--upgrade", *everything, *python, *for_pip)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the tests on whatever is the newest today, as a user's installation would be."""
    session.install(".", *nox.project.dependency_groups(PROJECT, "test"))
    pytest(session)


@nox.session
@nox.parametrize("peer", list(PEERS))
def bench_peers(session: nox.Session, peer: str) -> None:
    """Measure what a host pays with another package, each in an environment of its own."""
    if peer == "ourselves":
        install(session, "test")
    else:
        session.install(*PEERS[peer])
    session.run("python", "-m", f"benchmarks.peers.{peer}", *session.posargs)


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests on the oldest dependencies that we say are enough."""
    if session.venv_backend != "uv":
        session.skip("only uv can resolve to the lowest versions")
    groups = nox.project.dependency_groups(PROJECT, "test")
    session.install("--resolution", "lowest-direct", ".", *groups)
    pytest(session)


@nox.session
def sqlalchemy20(session: nox.Session) -> None:
    """Run the tests on SQLAlchemy 2.0."""
    session.install(".", "sqlalchemy<2.1", *nox.project.dependency_groups(PROJECT, "test"))
    pytest(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure branch coverage; money and every rule must be covered whole."""
    install(session, "test", editable=True)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or ["-n", "auto"]))
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")
    whole = "*/digistore/money.py,*/digistore/**/rules.py,*/digistore/**/rules/*.py"
    session.run("coverage", "report", f"--include={whole}", "--fail-under=100")


@nox.session
def build(session: nox.Session) -> None:
    """Build sdist and wheel, look into both, and use the wheel in a bare environment."""
    session.install(*nox.project.dependency_groups(PROJECT, "build"))
    folder = Path(session.create_tmp()).resolve()
    dist, bare = folder / "dist", folder / "bare"
    for old in (dist, bare):
        shutil.rmtree(old, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    check_contents(session, dist)
    session.run("python", "-m", "venv", str(bare))
    python = str(bare / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    wheel = str(next(dist.glob("*.whl")))
    session.run(python, "-m", "pip", "install", "-q", wheel, external=True)
    session.chdir(folder)
    show = "import digistore; print(digistore.__version__, digistore.__file__)"
    session.run(python, "-W", "error", "-c", show, external=True)
    session.run(python, "-m", "digistore", "demo", external=True, silent=True)


def check_contents(session: nox.Session, dist: Path) -> None:
    """Fail if a distribution lacks what users need, or holds what is none of theirs."""
    with zipfile.ZipFile(next(dist.glob("*.whl"))) as archive:
        wheel = set(archive.namelist())
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        files = [member.name for member in archive.getmembers() if member.isfile()]
    sdist = {name.partition("/")[2] for name in files}
    source = {
        path.relative_to(HERE / "src").as_posix()
        for path in (HERE / "src" / "digistore").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    missing = source - wheel
    missing |= {f"src/{name}" for name in source} - sdist
    missing |= {"LICENSE", "README.md", "noxfile.py", "pyproject.toml"} - sdist
    stray = {name for name in wheel if not name.startswith(("digistore/", "digistore-"))}
    stray |= {name for name in sdist if "_build/" in name or "__pycache__" in name}
    if missing or stray:
        session.error(f"missing: {sorted(missing)}; stray: {sorted(stray)}")


if __name__ == "__main__":
    os.chdir(HERE)
    nox.main()

"""How the documentation is built: ``python3 noxfile.py -s docs``."""

import importlib
import importlib.util
import inspect
from collections.abc import Iterator
from importlib.metadata import version as version_of
from types import ModuleType

from docutils.nodes import Element, TextElement
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "digistore"
author = "digistore contributors"
copyright = f"2026, {author}"
release = version_of("digistore")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = True
toc_object_entries = False  # a thousand attributes beside the headings, copied for every page

html_theme = "furo"
html_title = f"digistore {release}"

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_class_signature = "separated"  # who makes a service is the store, not the reader
autodoc_default_options = {
    "members": True,
    "undoc-members": True,
    # What comes from a base of our own is part of a class; what comes from these is not.
    "inherited-members": "BaseModel, Exception, StrEnum, Protocol, Generic, Awaitable, object",
    "exclude-members": "__init__, __new__, model_config, model_post_init",
}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "description"

SHARED = {
    "digistore.orders.receipts.receipt": "Receipts",
    "digistore.orders.receipts.models": "What stands on a receipt",
    "digistore.orders.receipts.texts": "The words of a receipt",
    "digistore.orders.tax": "Tax",
    "digistore.store": "Opening a store",
    "digistore.doctor.models": "What the doctor finds",
    "digistore.settings": "Settings",
    "digistore.money": "Money",
    "digistore.events": "Events",
    "digistore.errors": "Errors",
    "digistore.gateways": "The port of gateways",
    "digistore.gateways.sandbox": "The sandbox gateway",
    "digistore.testing": "Testing",
}
NOUNS = (
    "users",
    "catalog",
    "orders",
    "payments",
    "entitlements",
    "downloads",
    "support",
    "short_urls",
    "analytics",
    "files",
)


def reference() -> Iterator[str]:
    """Write the reference: for each noun its operations and models, then what all share."""
    for noun in NOUNS:
        if not exists(f"digistore.{noun}.service"):
            continue
        yield f"## `store.{noun}`\n"
        service = importlib.import_module(f"digistore.{noun}.service")
        yield "### Operations\n"
        for name, hidden in services(service).items():
            yield autodoc("autoclass", f"{service.__name__}.{name}", hidden)
        if exists(f"digistore.{noun}.models"):
            yield "### Models\n"
            yield autodoc("automodule", f"digistore.{noun}.models")
    for name, title in SHARED.items():
        if exists(name):
            yield f"## {title}\n"
            yield autodoc("automodule", name)


def exists(module: str) -> bool:
    """Say whether there is such a module; a broken one is an error all the same."""
    package = module.rpartition(".")[0]
    return (not package or exists(package)) and importlib.util.find_spec(module) is not None


def services(module: ModuleType) -> dict[str, str]:
    """Name the services of *module*, and what of each is not public: it has no blocking twin."""
    classes = {name: value for name, value in vars(module).items() if inspect.isclass(value)}
    return {
        name: ", ".join(own for own in dir(classes[name]) if own not in vars(twin))
        for name in classes
        if name.startswith("Async") and (twin := classes.get(name.removeprefix("Async")))
    }


def autodoc(directive: str, name: str, hidden: str = "") -> str:
    """Write one directive of autodoc, which speaks reStructuredText."""
    apart = f"   :exclude-members: {hidden}\n" if hidden else ""
    return f"```{{eval-rst}}\n.. {directive}:: {name}\n   :members:\n{apart}```\n"


def write_reference(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the reference to its page."""
    if docname == "reference/api":
        source[0] += "\n" + "\n".join(reference())


def keep_the_first_line(
    _app: Sphinx, what: str, _name: str, _of: object, _options: object, lines: list[str]
) -> None:
    """Keep napoleon from reading what stands before a colon as the type of an attribute."""
    if what in {"attribute", "data", "property"}:
        lines.insert(0, "")


def name_without_link(
    _app: Sphinx, _env: BuildEnvironment, node: pending_xref, text: TextElement
) -> Element | None:
    """Show a type that has no page as it is.

    That is for annotations only, which name what is not ours or not public.  A reference that
    somebody wrote must lead somewhere.
    """
    written = "refwarn" in node
    return None if written or node["reftype"] == "exc" else text


def setup(app: Sphinx) -> None:
    """Tell Sphinx of all that."""
    app.connect("source-read", write_reference)
    app.connect("autodoc-process-docstring", keep_the_first_line, priority=400)
    app.connect("missing-reference", name_without_link)

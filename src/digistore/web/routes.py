"""The route table: all that is mounted, and nothing else (``tests/web/test_allow_list.py``)."""

from __future__ import annotations

from digistore.web import downloads, links, returning, sandbox, webhooks
from digistore.web.api import buying, owning, public
from digistore.web.routing import Route
from digistore.web.site import Site

API = (*public.ROUTES, *buying.ROUTES, *owning.ROUTES)
PAGES = (*webhooks.ROUTES, *returning.ROUTES, *links.ROUTES)


def routes_of(site: Site) -> tuple[Route, ...]:
    """Return the routes of a site; the sandbox's page is among them while there is a sandbox."""
    files = downloads.routes(require_login=site.require_login)
    return (*PAGES, *files, *(sandbox.ROUTES if site.sandboxes else ()), *API)

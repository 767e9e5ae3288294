"""The sandbox's page: what a buyer and their bank would do, one button each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from digistore.blocking import offload
from digistore.errors import CheckoutNotFound
from digistore.gateways import PayState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import SignedEvent
from digistore.web.messages import QUIET, Problem, Request, Response
from digistore.web.pages import PageTexts
from digistore.web.pages import layout as html
from digistore.web.returning import look_after
from digistore.web.routing import Route
from digistore.web.site import Site

if TYPE_CHECKING:
    from digistore.gateways.sandbox.world import Checkout as SandboxCheckout
    from digistore.orders import Checkout

_OWN_SCHEME = "sandbox://checkout/"

BUTTONS: Mapping[str, Callable[[SandboxGateway, str], SignedEvent]] = {
    "paid": lambda sandbox, ref: sandbox.pay(ref),
    "delayed": lambda sandbox, ref: sandbox.pay(ref, "delayed"),
    "declined": lambda sandbox, ref: sandbox.pay(ref, "declined"),
    "abandon": lambda sandbox, ref: sandbox.abandon(ref),
    "clear": lambda sandbox, ref: sandbox.clear(ref),
    "fail": lambda sandbox, ref: sandbox.clear(ref, ok=False),
}
CHOICES: Mapping[PayState, tuple[str, ...]] = {
    PayState.OPEN: ("paid", "delayed", "declined", "abandon"),
    PayState.PENDING: ("clear", "fail"),
}


def payable(site: Site, request: Request, checkout: Checkout) -> Checkout:
    """Return a checkout whose address can be opened: the sandbox's own leads to its page here."""
    url = checkout.url
    if url is None or not site.sandboxes or not url.startswith(_OWN_SCHEME):
        return checkout
    page = f"{request.mount}/sandbox/{url.removeprefix(_OWN_SCHEME)}"
    return checkout.model_copy(update={"url": page})


async def show(site: Site, request: Request) -> Response:
    """Show a checkout and what can happen to it."""
    _, found = await _find(site, request.params["checkout"])
    return _page(site.settings.texts, found, request.form_fields())


async def press(site: Site, request: Request) -> Response:
    """Let something happen, tell the shop as a provider would, and send the buyer back."""
    name, found = await _find(site, request.params["checkout"])
    outcome = (await request.form()).get("outcome", "")
    if outcome not in BUTTONS:
        raise Problem(422, "invalid", "choose one of the buttons")
    signed = await offload(BUTTONS[outcome], site.sandboxes[name], found.id)
    await site.services.payments.handle_webhook(name, *signed)
    if outcome == "declined":  # the buyer stays, to try another card
        there = f"{request.mount}/sandbox/{found.id}"
    else:
        there = found.cancel_url if outcome == "abandon" else found.success_url
    return Response(303, {"Location": there, **QUIET}, after=look_after(site))


async def _find(site: Site, ref: str) -> tuple[str, SandboxCheckout]:
    for name, sandbox in site.sandboxes.items():
        try:
            return name, await offload(sandbox.look_up, ref)
        except CheckoutNotFound:
            continue
    raise Problem(404, "not_found", "there is no such checkout")


def _page(texts: PageTexts, found: SandboxCheckout, fields: Mapping[str, str]) -> Response:
    words = texts.model_dump()
    told = {line.title: str(line.total) for line in found.lines}
    told |= {texts.sandbox_total: str(found.total), texts.sandbox_state: str(found.state)}
    choices = CHOICES.get(found.state, ())
    parts = [html.paragraph(texts.sandbox), html.facts(told)]
    if choices:
        if found.failure is not None:
            parts.insert(0, html.error(texts.sandbox_was_declined, "declined"))
        buttons = [html.button(words[f"sandbox_{one}"], "outcome", one) for one in choices]
        parts.append(html.form(fields, buttons))
    else:
        parts.append(html.paragraph(texts.sandbox_over))
        parts.append(html.link(texts.go_on, found.success_url))
    return html.page(texts, texts.sandbox_title, parts)


def refused(site: Site, problem: Problem) -> Response:
    """Say on a page what is wrong."""
    texts = site.settings.texts
    parts = [html.error(problem.message, "problem"), html.link(texts.go_on, site.settings.next_url)]
    made = html.page(texts, texts.problem_title, parts, problem.status)
    return Response(made.status, {**made.headers, **problem.headers}, made.body)


ROUTES = (
    Route("GET", "/sandbox/{checkout}", "sandbox", show, refused),
    Route("POST", "/sandbox/{checkout}", "sandbox_press", press, refused),
)

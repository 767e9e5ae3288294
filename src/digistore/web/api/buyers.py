"""What buyers say of themselves, and what of it may be believed."""

from __future__ import annotations

from collections.abc import Sequence

from digistore.blocking import offload
from digistore.errors import ConfigError, Invalid
from digistore.orders import Billing, Consent
from digistore.web.api.inputs import BillingInput, ConsentInput
from digistore.web.messages import Request
from digistore.web.site import Site


async def billing_of(site: Site, request: Request, given: BillingInput | None) -> Billing | None:
    """Return the billing of an order: what was typed, as the host has checked it.

    Raises:
        Invalid: a tax id that nobody here can check.
    """
    if given is None:
        return None
    typed = Billing(**given.model_dump())
    if site.settings.billing is None:
        if typed.tax_id is not None:
            message = "no tax id is taken here: nobody could check it"
            raise Invalid(message, fields={"billing": "tax_id_not_checked"})
        return typed
    checked: object = await offload(site.settings.billing, typed, request)
    if not isinstance(checked, Billing):
        raise ConfigError("WebSettings.billing returns a Billing")
    return checked


def consents_of(site: Site, given: Sequence[ConsentInput]) -> tuple[Consent, ...]:
    """Return what was agreed to, at the time of the request: not when a client says it was."""
    now = site.clock()
    return tuple(
        Consent(kind=one.kind, text=one.text, locale=one.locale, accepted_at=now) for one in given
    )

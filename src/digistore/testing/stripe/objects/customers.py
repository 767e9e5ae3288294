"""Customers, as far as a checkout needs them."""

from __future__ import annotations

from digistore.testing.stripe.errors import not_modelled
from digistore.testing.stripe.lists import page
from digistore.testing.stripe.objects.metadata import checked_metadata
from digistore.testing.stripe.world import Account, Object

URL = "/v1/customers"

_SAID_BACK = ("description", "email", "name", "phone")


def create(account: Account, params: Object, _: str) -> Object:
    """Answer POST /v1/customers."""
    for other in sorted(params.keys() - {*_SAID_BACK, "metadata", "expand"}):
        raise not_modelled(other, other)
    said = {name: params[name] or None for name in _SAID_BACK if name in params}
    customer = account.add(
        "customer",
        balance=0,
        delinquent=False,
        invoice_prefix=account.world.ids.next()[:8].upper(),
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        metadata=checked_metadata(params.get("metadata")),
        next_invoice_sequence=1,
        preferred_locales=[],
        tax_exempt="none",
        **said,
    )
    account.tell("customer.created", customer)
    return customer


def retrieve(account: Account, _: Object, customer_id: str) -> Object:
    """Answer GET /v1/customers/{id}."""
    return account.find("customer", customer_id, "id")


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/customers."""
    email = params.get("email")
    return page(account, "customer", params, URL, lambda one: email in {None, one["email"]})

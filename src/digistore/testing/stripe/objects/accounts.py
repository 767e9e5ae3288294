"""Accounts: the shop's own, and connected ones that get a share of its payments."""

from __future__ import annotations

from digistore.testing.stripe.world import Account, Object


def own(account: Account, _: Object, __: str) -> Object:
    """Answer GET /v1/account."""
    return account.find("account", account.id)


def retrieve(account: Account, _: Object, account_id: str) -> Object:
    """Answer GET /v1/accounts/{id}."""
    return account.find("account", account_id, "account")


def introduce(account: Account) -> None:
    """Let an account know itself, and the shop's own account all that are connected to it."""
    fields: Object = {
        "id": account.id,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "US",
        "default_currency": "usd",
        "details_submitted": True,
        "email": "shop@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "express" if account.connected else "standard",
    }
    account.add("account", **fields)
    if account.connected:
        account.world.own.add("account", **fields)

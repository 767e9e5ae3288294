"""The words on our pages, for a host to put into its own language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from digistore.fields import Input


class PageTexts(Input):
    """All that our pages say; ``PageTexts(lang="de", paid_title="Bezahlt", ...)``.

    *lang* is a BCP 47 tag, *direction* how its script runs; *downloads* says by its code why a
    link gives nothing.
    """

    lang: str = Field(default="en", pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
    direction: Literal["ltr", "rtl"] = "ltr"
    paid_title: str = "Payment received"
    paid: str = "Thank you. Your payment has arrived and your order is complete."
    on_its_way_title: str = "Payment on its way"
    on_its_way: str = (
        "Your payment is on its way. Some payments take a few days; nothing more needs to be done."
    )
    try_again_title: str = "Not paid yet"
    try_again: str = (
        "No payment has arrived for this order. If you have just paid, look again in a moment; "
        "otherwise go back to the shop and try again."
    )
    unknown_title: str = "Order not found"
    unknown: str = "This address belongs to no order. Go back to the shop to see your orders."
    look_again: str = "Look again"
    go_on: str = "Back to the shop"
    problem_title: str = "This did not work"
    sandbox_title: str = "Test payment"
    sandbox: str = "This page stands in for a payment provider. No real money moves here."
    sandbox_total: str = "To pay"
    sandbox_state: str = "State"
    sandbox_paid: str = "Pay"
    sandbox_delayed: str = "Pay slowly, such as by bank transfer"
    sandbox_declined: str = "Try a card that is declined"
    sandbox_was_declined: str = "The card was declined and nothing was paid. Try another way."
    sandbox_abandon: str = "Give up"
    sandbox_clear: str = "Let the money arrive"
    sandbox_fail: str = "Let the payment fail"
    sandbox_over: str = "There is nothing more to choose here."
    password_title: str = "Password needed"  # noqa: S105  words, no secret
    password_intro: str = "This link is protected by a password."  # noqa: S105  words, no secret
    password: str = "Password"  # noqa: S105  words, no secret
    password_open: str = "Open"  # noqa: S105  words, no secret
    password_wrong: str = "This password is not right. Try again."  # noqa: S105  words, no secret
    downloads: Mapping[str, str] = {
        "not_found": "There is nothing here.",
        "link_expired": "This link has expired. Ask the shop for a fresh one.",
        "link_revoked": "This link is no longer valid. Look into your orders.",
        "file_blocked": "This file is not delivered at present. Ask the shop.",
        "download_limit": "This file was downloaded as often as it may be.",
        "storage_unavailable": "The file cannot be read at present. Try again later.",
        "preparing": "Your copy is being made. Try again in a moment.",
        "personalisation_failed": "Your copy could not be made. The shop has been told.",
        "busy": "The shop is busy. Try again in a moment.",
    }

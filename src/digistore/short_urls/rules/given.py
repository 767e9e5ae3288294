"""What a caller says about a link, besides its target and code: bounded and in one spelling."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from digistore.errors import Invalid
from digistore.fields import Input, Line, Ref, Time, Title, checked
from digistore.short_urls.models import KEEP, LinkRule
from digistore.short_urls.rules.hosts import Refused, read_host
from digistore.short_urls.rules.targets import TargetPolicy, read_target

LONGEST_TAG = 40
MOST_TAGS = 20
ADDRESSES = ("target", "fallback")
LIMITS = ("starts_at", "expires_at", "max_visits")
MOST_RULES = 20
LONGEST_PASSWORD = 200
MOST_VISITS = 2**53 - 1  # what JSON and every driver can carry exactly
_QUOTING = '",\\'  # a tag is looked for in the stored list as text, between its quotes


def _folded(tag: str) -> str:
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold()).strip()
    signs = {sign for sign in text if sign in _QUOTING or unicodedata.category(sign)[0] == "C"}
    if signs or not 1 <= len(text) <= LONGEST_TAG:
        kind = "characters" if signs else "length"
        raise PydanticCustomError(kind, "a tag is a short text without quotes and commas")
    return text


def _once(tags: list[str]) -> list[str]:
    return list(dict.fromkeys(tags))


def _id_of(noun: object) -> object:
    return getattr(noun, "id", noun)


Tag: TypeAlias = Annotated[str, StringConstraints(max_length=LONGEST_TAG), AfterValidator(_folded)]


class Given(Input):
    """The fields of a link that a caller may give, or change later; addresses stand apart."""

    product_id: Annotated[Ref | None, BeforeValidator(_id_of)] = Field(
        default=None, alias="product"
    )
    title: Title | None = None
    tags: Annotated[list[Tag], AfterValidator(_once)] = Field(
        default=[], max_length=MOST_TAGS, strict=False
    )
    starts_at: Time | None = None
    expires_at: Time | None = None
    max_visits: Annotated[int, Field(ge=1, le=MOST_VISITS)] | None = None
    password: Annotated[Line, Field(min_length=1, max_length=LONGEST_PASSWORD)] | None = None
    rules: list[Annotated[LinkRule, Field(strict=False)]] = Field(
        default=[], max_length=MOST_RULES, strict=False
    )
    forward_query: bool = False
    track: bool = False
    permanent: bool = False


class Sought(Input):
    """What ``mine`` looks for."""

    tag: Tag


def read_given(given: Mapping[str, object]) -> dict[str, Any]:
    """Return what was given, each field checked for itself; ``KEEP`` was not given.

    Raises:
        Invalid: with a word for each field that cannot be used.
    """
    told = {name: value for name, value in given.items() if value is not KEEP}
    fields = checked(Given, **{name: told[name] for name in told if name not in ADDRESSES})
    values = fields.model_dump(exclude_unset=True) | {
        name: told[name] for name in told if name in ADDRESSES
    }
    if "rules" in values:
        values["rules"] = [stored_rule(rule) for rule in fields.rules]
    return values


def stored_rule(rule: LinkRule) -> dict[str, Any]:
    """Return *rule* as it is stored: what it does not say is left out."""
    return rule.model_dump(mode="json", exclude_defaults=True)


def fitted(
    values: Mapping[str, Any], policy: TargetPolicy, stored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return *values* with their addresses rebuilt, if they fit together and with *stored*.

    Raises:
        Invalid: a rule refuses an address, or the fields do not go together.
    """
    read: dict[str, Any] = {
        name: read_target(values[name], policy, field=name)
        for name in ADDRESSES
        if name in values and (name == "target" or values[name] is not None)
    }
    if "rules" in values:
        read["rules"] = [
            {**rule, "target": read_target(rule["target"], policy, field=f"rules[{at}].target")}
            for at, rule in enumerate(values["rules"])
        ]
    fit = {**values, **read}
    check_together({**stored, **fit})
    return fit


def check_together(link: Mapping[str, Any]) -> None:
    """Refuse what does not go together on one link.

    Raises:
        Invalid: ``before_start``: it would expire before, or when, it starts; ``below_visits``:
            more visits than that were counted already; ``permanent``: browsers keep a permanent
            redirect for ever, so no date, limit, rule or password could be held and no click told.
    """
    faults: dict[str, str] = {}
    starts_at, expires_at, max_visits = (link[name] for name in LIMITS)
    if starts_at is not None and expires_at is not None and expires_at <= starts_at:
        faults["expires_at"] = "before_start"
    if max_visits is not None and max_visits < link["visits"]:
        faults["max_visits"] = "below_visits"
    if link["permanent"]:
        # What it may not have at all is said instead of how that does not fit.
        faults = {name: "permanent" for name in LIMITS if link[name] is not None}
        faults |= {name: "permanent" for name in ("rules", "track") if link[name]}
        # A password that is about to be hashed, or taken away, comes before the one that is stored.
        if link.get("password", link["password_hash"]) is not None:
            faults |= {"password": "permanent"}
    if faults:
        listed = ", ".join(f"{field} ({word})" for field, word in sorted(faults.items()))
        raise Invalid(f"does not go together: {listed}", fields=faults)


def read_domain(domain: str) -> str:
    """Return the host that a link is served under, in its normal form; ``""`` is the shop's own.

    Raises:
        Invalid: no host name.
    """
    if domain == "":
        return ""
    try:
        return read_host(domain)
    except Refused as refused:
        raise Invalid(
            "a domain is a host name, without scheme and port", fields={"domain": refused.code}
        ) from None

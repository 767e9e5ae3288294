"""Who is acting, what that allows, and how addresses compare: without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import Forbidden, Invalid
from digistore.users import Acting, Role
from digistore.users.rules import NOBODY, THE_SYSTEM, login_form, normal_email

CUSTOMER = Acting("usr_1", frozenset({Role.CUSTOMER}))
SELLER = Acting("usr_1", frozenset({Role.CUSTOMER, Role.SELLER}))
RIVAL = Acting("usr_2", frozenset({Role.CUSTOMER, Role.SELLER}))
OPERATOR = Acting("usr_9", frozenset({Role.CUSTOMER, Role.OPERATOR}))
EVERYBODY = [NOBODY, CUSTOMER, SELLER, RIVAL, OPERATOR, THE_SYSTEM]
NAMES = ["nobody", "customer", "seller", "rival", "operator", "system"]


@pytest.mark.parametrize(
    ("acting", "own", "house"),
    [
        (NOBODY, False, False),
        (CUSTOMER, False, False),  # a former seller, too: the role counts now
        (SELLER, True, False),
        (RIVAL, False, False),
        (OPERATOR, True, True),
        (THE_SYSTEM, True, True),
    ],
    ids=NAMES,
)
def test_D3_who_sells_what_usr_1_sells_and_what_the_house_sells(
    acting: Acting, *, own: bool, house: bool
) -> None:
    assert acting.sells("usr_1") is own
    assert acting.sells(None) is house


@pytest.mark.parametrize("acting", EVERYBODY, ids=NAMES)
def test_only_operators_and_the_system_pass_where_one_is_needed(acting: Acting) -> None:
    if acting in (OPERATOR, THE_SYSTEM):
        assert acting.is_operator
        acting.require_operator("do this")
        return
    assert not acting.is_operator
    with pytest.raises(Forbidden, match="only an operator may do this") as caught:
        acting.require_operator("do this")
    assert caught.value.reason == "operator_needed"


@pytest.mark.parametrize("acting", EVERYBODY, ids=NAMES)
def test_where_a_person_is_needed_only_a_person_will_do(acting: Acting) -> None:
    if acting.id is not None:
        assert acting.user_id() == acting.id
        return
    with pytest.raises(Forbidden) as caught:
        acting.user_id()
    assert caught.value.reason == "user_needed"


def test_T2_nobody_is_no_user_even_where_none_is_named() -> None:
    assert CUSTOMER.is_user("usr_1")
    assert not CUSTOMER.is_user("usr_2")
    assert not any(acting.is_user(None) for acting in EVERYBODY)


def test_audit_rows_say_who_it_was() -> None:
    labels = [acting.label for acting in EVERYBODY]
    assert labels == ["nobody", "usr_1", "usr_1", "usr_2", "usr_9", "system"]


# Addresses

GOOD = {
    "ada@example.com": "ada@example.com",
    "  ada@example.com\n": "ada@example.com",
    "Ada.Lovelace+shop@EXAMPLE.Com": "Ada.Lovelace+shop@example.com",
    "a@b.c": "a@b.c",
    "o'neil!#$%&*/=?^_`{|}~-@sub.example.co.uk": "o'neil!#$%&*/=?^_`{|}~-@sub.example.co.uk",
    "ada@xn--mnchen-3ya.de": "ada@xn--mnchen-3ya.de",
    "ada@MÜNCHEN.de": "ada@münchen.de",
    "jose\u0301@example.com": "jos\u00e9@example.com",
    "ada@example.museum": "ada@example.museum",
    f"{'a' * 64}@example.com": f"{'a' * 64}@example.com",
    f"a@{'b' * 63}.com": f"a@{'b' * 63}.com",
}
BAD = [
    "",
    " ",
    "ada",
    "@",
    "ada@",
    "@example.com",
    "ada@@example.com",
    "ada@home@example.com",
    "a b@example.com",
    "ada@exa mple.com",
    "ada@.example.com",
    "ada@example..com",
    "ada@example.com.",
    "ada@-example.com",
    "ada@example-.com",
    "ada@example_.com",
    "ada@exam!ple.com",
    "ada@[127.0.0.1]",
    "ada\0@example.com",
    "ada\n@example.com",
    "ada@example.com\0",
    "ada@example.com\r\nBcc: all@example.com",
    "ada\ud800@example.com",
    "ada\u202e@example.com",
    "ada\u00a0x@example.com",
    "Ada <ada@example.com>",
    "ada@example.com, bob@example.com",
    f"{'a' * 65}@example.com",
    f"a@{'b' * 64}.com",
    f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 10}.com",
    None,
    7,
    True,
    b"ada@example.com",
    ["ada@example.com"],
]


@pytest.mark.parametrize(("given_", "normal"), GOOD.items(), ids=range(len(GOOD)))
def test_A7_an_address_has_one_normal_form(given_: str, normal: str) -> None:
    assert normal_email(given_) == normal
    assert normal_email(normal) == normal


@pytest.mark.parametrize("address", BAD, ids=ascii)
def test_what_is_no_mailbox_is_refused_and_not_echoed(address: str) -> None:
    with pytest.raises(Invalid) as caught:
        normal_email(address)
    assert caught.value.fields == {"email": "invalid"}
    assert "example" not in str(caught.value)


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = normal_email(text)
    except Invalid:
        return
    assert normal_email(address) == address
    assert login_form(login_form(address)) == login_form(address)


def test_L2_a_long_text_is_answered_by_its_length() -> None:
    for text in ("a" * 10**5, "a@" + "b" * 10**5, "@" * 10**5, "a@" + "b." * 10**5 + "!"):
        with pytest.raises(Invalid):
            normal_email(text)


def test_an_address_has_up_to_254_characters() -> None:
    longest = f"{'a' * 60}@{'b' * 63}.{'c' * 63}.{'d' * 63}.e"
    assert len(longest) == 254
    assert normal_email(longest) == longest
    with pytest.raises(Invalid):
        normal_email(f"a{longest}")


def test_addresses_log_in_without_regard_to_case() -> None:
    assert login_form("Ada@example.com") == "ada@example.com"  # as it is stored
    assert login_form("Ada@example.com") == login_form("aDA@example.com")
    assert login_form("ada@example.com") != login_form("bob@example.com")

"""Links with a password: who is let in, how often one may guess, and what is never shown."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from digistore.errors import Invalid, NotFound, PasswordRequired, TooManyAttempts, http_status
from digistore.short_urls import ShortURL, Visit, passwords
from digistore.short_urls.passwords import hashed, is_password
from digistore.short_urls.service import guard
from digistore.users.tries import Limit
from tests.short_urls.shop import FALLBACK, GET, HEAD, TARGET, Shop

PASSWORD = "correct horse"
POST = Visit("POST", GET.headers, client="203.0.113.7")


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Guess quickly: a hash says by itself what it costs."""
    monkeypatch.setattr(passwords, "_LOG_N", 8)


def locked(shop: Shop, **given: object) -> ShortURL:
    return shop.links.shorten(shop.seller, TARGET, password=PASSWORD, **given)  # type: ignore[arg-type]


def test_a_password_is_kept_as_scrypt_with_a_salt_of_its_own() -> None:
    one, other = hashed("a"), hashed("a")
    assert one != other
    assert one.startswith("scrypt$14$8$5$")
    assert is_password("a", one)
    assert not is_password("A", one)
    assert not is_password("", one)
    assert not is_password("a", "md5$0cc175b9c0f1b6a831c399e269772661")


def test_neither_link_nor_database_nor_audit_shows_it(shop: Shop) -> None:
    link = locked(shop)
    assert link.has_password
    assert PASSWORD not in repr(link)
    for table in ("short_urls", "audit"):
        assert PASSWORD not in repr(shop.sql(f"SELECT * FROM digistore_{table}"))


@pytest.mark.parametrize("visit", [GET, HEAD, None, POST])
def test_without_it_nobody_learns_the_target(shop: Shop, visit: Visit | None) -> None:
    link = locked(shop)
    with pytest.raises(PasswordRequired) as caught:
        shop.links.resolve(link.code, visit)
    assert (http_status(caught.value), caught.value.wrong) == (403, False)
    assert TARGET not in str(caught.value)
    assert not shop.clicks()


def test_who_knows_it_is_sent_on_by_303_and_counted_once(shop: Shop) -> None:
    link = locked(shop, max_visits=2)
    with pytest.raises(PasswordRequired) as caught:
        shop.links.resolve(link.code, POST, password="wrong")
    assert caught.value.wrong
    answer = shop.links.resolve(link.code, POST, password=PASSWORD)
    assert (answer.status, answer.url) == (303, TARGET)
    assert answer.headers["Cache-Control"] == "private, no-store"
    [found] = shop.links.mine(shop.seller)
    assert (found.visits, found.clicks) == (1, 1)


def test_a_dead_link_asks_for_nothing(shop: Shop) -> None:
    link = locked(shop)
    shop.links.disable(shop.seller, link)
    for visit in (GET, HEAD, POST, None):
        with pytest.raises(NotFound):
            shop.links.resolve(link.code, visit, password=PASSWORD)
    other = locked(shop, fallback=FALLBACK)
    shop.links.disable(shop.seller, other)
    assert shop.links.resolve(other.code, GET).url == FALLBACK


@pytest.mark.usefixtures("cheap")
def test_guessing_ends_after_ten_tries_and_may_go_on_later(shop: Shop) -> None:
    link = locked(shop)
    for _ in range(guard.EACH.most):
        with pytest.raises(PasswordRequired):
            shop.links.resolve(link.code, POST, password="wrong")
    with pytest.raises(TooManyAttempts) as caught:
        shop.links.resolve(link.code, POST, password=PASSWORD)
    assert caught.value.retry_at == shop.clock.now + guard.EACH.window
    elsewhere = Visit("POST", GET.headers, client="198.51.100.1")
    assert shop.links.resolve(link.code, elsewhere, password=PASSWORD).url == TARGET
    shop.clock.forward(minutes=15)
    assert shop.links.resolve(link.code, POST, password=PASSWORD).url == TARGET
    assert "203.0.113" not in repr(shop.sql("SELECT * FROM digistore_tries"))


@pytest.mark.usefixtures("cheap")
def test_many_who_guess_together_come_to_an_end_too(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "ALL", Limit("link_passwords", 12, guard.ALL.window))
    link = locked(shop)
    for number in range(12):
        visit = Visit("POST", {}, client=f"198.51.{number}.1")
        with pytest.raises(PasswordRequired):
            shop.links.resolve(link.code, visit, password="wrong")
    with pytest.raises(TooManyAttempts):
        shop.links.resolve(link.code, Visit("POST", {}, client="192.0.2.1"), password="wrong")


@pytest.mark.usefixtures("cheap")
def test_guesses_at_once_are_as_many_tries(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    link = locked(shop)

    def guess(number: int) -> str:
        try:
            shop.links.resolve(link.code, POST, password=f"guess {number}")
        except (PasswordRequired, TooManyAttempts) as error:
            return error.code
        return "in"

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(guess, range(24)))
    assert answers.count("password_required") == guard.EACH.most
    assert answers.count("too_many_attempts") == 24 - guard.EACH.most


@pytest.mark.usefixtures("cheap")
def test_success_begins_the_count_anew(shop: Shop) -> None:
    link = locked(shop)
    for _ in range(2):
        for _ in range(guard.EACH.most - 1):
            with pytest.raises(PasswordRequired):
                shop.links.resolve(link.code, POST, password="wrong")
        assert shop.links.resolve(link.code, POST, password=PASSWORD).url == TARGET


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("password", ["x" * 201, "x" * 1_000_000, 7, b"x", "\ud800"])
def test_what_can_be_no_password_is_a_wrong_one(shop: Shop, password: object) -> None:
    link = locked(shop)
    with pytest.raises(PasswordRequired) as caught:
        shop.links.resolve(link.code, POST, password=password)  # type: ignore[arg-type]
    assert caught.value.wrong


def test_a_password_is_changed_and_taken_away(shop: Shop) -> None:
    link = locked(shop)
    shop.links.update(shop.seller, link, password="another")
    with pytest.raises(PasswordRequired):
        shop.links.resolve(link.code, POST, password=PASSWORD)
    assert shop.links.resolve(link.code, POST, password="another").url == TARGET
    assert not shop.links.update(shop.seller, link, password=None).has_password
    assert shop.links.resolve(link.code, GET).url == TARGET
    assert [cause for _, _, cause in shop.audited(link.id)] == ["shorten", "update", "update"]


@pytest.mark.parametrize(
    ("password", "word"), [("", "too_short"), ("x" * 201, "too_long"), ("a\nb", "characters")]
)
def test_a_password_is_a_line_of_up_to_200_characters(shop: Shop, password: str, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(shop.seller, TARGET, password=password)
    assert caught.value.fields == {"password": word}
    assert password == "" or password not in str(caught.value)


@pytest.mark.usefixtures("cheap")
def test_what_browsers_keep_for_ever_asks_for_no_password(shop: Shop) -> None:
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(shop.seller, TARGET, password=PASSWORD, permanent=True)
    assert caught.value.fields == {"password": "permanent"}
    plain = locked(shop)
    with pytest.raises(Invalid) as caught:
        shop.links.update(shop.seller, plain, permanent=True)
    assert caught.value.fields == {"password": "permanent"}
    link = shop.links.update(shop.seller, locked(shop), permanent=True, password=None)
    assert link.permanent
    with pytest.raises(Invalid) as caught:
        shop.links.update(shop.seller, link, password="again")
    assert caught.value.fields == {"password": "permanent"}

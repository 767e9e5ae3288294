"""All files of a release by one link: a ZIP that is served and counted like a file."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from digistore.downloads import Stream
from digistore.errors import DamagedFile
from tests.conftest import Shop
from tests.downloads.fetching import ask, body, bought, fetched, refusal, sessions, token, used
from tests.downloads.test_plan import overwrite, stored
from tests.past import connection_to

FILES = {
    "book.pdf": b"%PDF- a book" * 1000,
    "code.zip.txt": bytes(range(256)) * 9000,  # over two chunks
    "notes.txt": b"n",
}


def test_a_link_to_all_files_gives_them_as_one_archive(shop: Shop) -> None:
    book = bought(shop, FILES, title="Async Python")
    link = token(shop, book)
    plan = ask(shop, link)
    assert plan.headers["Content-Type"] == "application/zip"
    assert 'filename="async-python-2.0.zip"' in plan.headers["Content-Disposition"]
    content = body(shop, plan)
    assert plan.headers["Content-Length"] == str(len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == FILES
    assert fetched(shop, link) == (200, content)
    assert (used(shop), sessions(shop)) == ([1], [(2, 2 * len(content), 2 * len(content))])
    (entry,) = shop.store.downloads.log(shop.buyer)
    assert (entry.file, entry.file_id, entry.version) == (None, None, "2.0")


def test_an_archive_resumes_like_a_file(shop: Shop) -> None:
    book = bought(shop, FILES)
    link = token(shop, book)
    plan = ask(shop, link)
    tag, whole = plan.headers["ETag"], body(shop, plan)
    luck = random.Random(7)
    for _ in range(25):
        start = luck.randrange(len(whole))
        end = luck.randrange(start, len(whole))
        part = fetched(shop, link, Range=f"bytes={start}-{end}", If_Range=tag)
        assert part == (206, whole[start : end + 1])
    assert ask(shop, link, If_None_Match=tag).status == 304
    assert len(sessions(shop)) == 1


def test_the_archive_counts_as_one_more_file(shop_with: Callable[..., Shop]) -> None:
    """Who has fetched the files one by one may fetch them all at once as often."""
    shop = shop_with(download_limit=1)
    book = bought(shop, FILES)
    links = [token(shop, book), *(token(shop, book, file=name) for name in FILES)]
    for link in links:
        assert [fetched(shop, link)[0] for _ in range(3)] == [200] * 3
    for link in links:
        assert refusal(shop, link) == (429, "download_limit")
    assert used(shop) == [1] * 4


def test_one_damaged_file_fails_the_archive(shop: Shop, tmp_path: Path) -> None:
    book = bought(shop, FILES)
    link = token(shop, book)
    size = len(FILES["code.zip.txt"])
    path = next(one for one in stored(tmp_path) if one.stat().st_size == size)
    overwrite(path, b"x" * size)
    plan = ask(shop, link)
    assert isinstance(plan.body, Stream)
    with plan.body.reader as reader, pytest.raises(DamagedFile):
        list(reader)
    assert refusal(shop, link) == (503, "storage_unavailable")
    overwrite(path, FILES["code.zip.txt"])
    shop.store.files.verify()
    assert fetched(shop, link)[0] == 200


def test_a_missing_file_is_noticed_before_the_first_byte(shop: Shop, tmp_path: Path) -> None:
    book = bought(shop, FILES)
    path = next(one for one in stored(tmp_path) if one.stat().st_size == 1)
    path.rename(path.with_name("away"))
    assert refusal(shop, token(shop, book)) == (503, "storage_unavailable")
    assert sessions(shop) == []
    path.with_name("away").rename(path)


def test_a_refund_closes_it_and_one_blocked_file_blocks_it(shop: Shop) -> None:
    book = bought(shop, FILES)
    link = token(shop, book)
    database = getattr(shop.store, "_target", shop.store)._shop.database
    with connection_to(database) as connection:
        connection.exec_driver_sql(
            "UPDATE digistore_release_files SET scan = 'infected' WHERE display_name = 'notes.txt'"
        )
    assert refusal(shop, link) == (410, "file_blocked")
    assert fetched(shop, token(shop, book, file="book.pdf"))[0] == 200

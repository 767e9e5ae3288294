from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from digistore import SYSTEM, Role
from tests.cli.conftest import Host

ROWS = "code,target,clicks\r\nspring,https://shop.example/1,12\r\nadmin,https://shop.example/2,\r\n"


def test_an_import_says_what_it_would_do_and_does_it_when_told_to(host: Host) -> None:
    (host.folder / "links.csv").write_text(ROWS)
    code, out, _ = host.run_on_store("links", "import", "links.csv")
    assert code == 1
    assert out.splitlines() == [
        "✗ row 2 admin: refused, code code_reserved",
        "1 added, 0 same, 0 conflict, 1 refused; nothing is written without --write",
    ]
    with host.store() as store:
        assert not store.short_urls.mine(SYSTEM)
    host.run_on_store("links", "import", "links.csv", "--write")
    with host.store() as store:
        [link] = store.short_urls.mine(SYSTEM)
        assert (link.code, link.imported_clicks) == ("spring", 12)
    code, found = host.run_json("links", "import", "links.csv", "--write")
    assert (code, [row["outcome"] for row in found["rows"]]) == (1, ["same", "refused"])


def test_links_become_those_of_their_owner_and_go_out_as_theirs(host: Host) -> None:
    with host.store() as store:
        ann = store.users.ensure("ann")
        store.users.grant_role(SYSTEM, ann, Role.OPERATOR)
        store.short_urls.shorten(SYSTEM, "https://shop.example/house")
    rows = '{"code":"spring","target":"https://shop.example/1","title":"=1+1"}\n'
    (host.folder / "links.jsonl").write_text(rows)
    words = ("links", "import", "links.jsonl", "--owner", "ext:ann", "--write")
    assert host.run_on_store(*words)[0] == 0
    code, out, _ = host.run_on_store("links", "export", "--owner", ann.id)
    [row] = list(csv.DictReader(io.StringIO(out)))
    assert (code, row["code"], row["title"]) == (0, "spring", "'=1+1")
    _, out, _ = host.run_on_store("links", "export", "--owner", ann.id, "--format", "jsonl")
    assert json.loads(out)["title"] == "=1+1"


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_what_goes_out_comes_in_again_whatever_a_title_holds(host: Host, format_: str) -> None:
    title = "one\u2028two\u2029three"
    with host.store() as store:
        store.short_urls.shorten(SYSTEM, "https://shop.example/1", code="spring", title=title)
        ann = store.users.grant_role(SYSTEM, store.users.ensure("ann"), Role.OPERATOR)
    _, out, _ = host.run_on_store("links", "export", "--format", format_)
    rows = out.replace("spring", "summer")
    (host.folder / "links.txt").write_text(rows, encoding="utf-8")
    assert host.run_on_store("links", "import", "links.txt", "--owner", ann.id, "--write")[0] == 0
    with host.store() as store:
        assert [(one.code, one.title) for one in store.short_urls.mine(ann)] == [("summer", title)]


def test_an_import_reads_standard_input(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "code,target\nspring,https://shop.example/1\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert host.run_on_store("links", "import", "-", "--write")[0] == 0
    with host.store() as store:
        assert [link.code for link in store.short_urls.mine(SYSTEM)] == ["spring"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b'code\n"', b"colour\nred"])
def test_a_file_that_is_none_is_told_in_one_line(host: Host, content: Any) -> None:
    if content is not None:
        (host.folder / "links.csv").write_bytes(content)
    code, out, err = host.run_on_store("links", "import", "links.csv")
    assert (code, out) == (1, "")
    assert err.startswith("digistore: ")
    assert len(err.splitlines()) == 1


def test_of_many_bad_rows_the_first_are_named(host: Host) -> None:
    rows = "".join(f"admin,https://shop.example/{number}\n" for number in range(60))
    (host.folder / "links.csv").write_text(f"code,target\n{rows}")
    _, out, _ = host.run_on_store("links", "import", "links.csv")
    assert out.splitlines()[-2:] == [
        "… and 10 more",
        "0 added, 0 same, 0 conflict, 60 refused; nothing is written without --write",
    ]

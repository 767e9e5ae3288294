"""A big file, a broken line, and curl: what arrives in the end is what was published."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.web.conftest import Web
from tests.web.test_downloads import link_to

SIZE = 200 * 1024 * 1024
BROKEN_AT = 70_000_000
CURL = shutil.which("curl")


def bytes_of_a_big_file() -> Iterator[bytes]:
    for number in range(SIZE // 2**20):
        yield hashlib.shake_256(str(number).encode()).digest(2**20)


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.bin"
    with path.open("wb") as file:
        file.writelines(bytes_of_a_big_file())
    return path


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.skipif(CURL is None, reason="needs curl")
@pytest.mark.parametrize("host", ["flask@waitress", "fastapi@uvicorn", "django@waitress"])
def test_curl_resumes_a_download_that_broke(
    open_web: Callable[..., Web], tmp_path: Path, big_file: Path, host: str
) -> None:
    web = open_web(host)
    shop = web.shop
    book = shop.product()
    shop.store.catalog.release(shop.seller, book, version="2.0", files={"big.bin": big_file})
    shop.buy(book)
    url = f"{web.client.base_url}".rstrip("/") + f"/shop{link_to(web, book)}"
    part = tmp_path / "part.bin"

    curl = subprocess.Popen(  # noqa: S603 - our own command
        [str(CURL), "-sS", url], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert curl.stdout is not None
    part.write_bytes(curl.stdout.read(BROKEN_AT))
    curl.kill()  # the line breaks
    curl.wait()
    curl.stdout.close()
    done = subprocess.run(  # noqa: S603 - our own command
        [str(CURL), "-sS", "--fail", "-C", "-", "-o", str(part), url], check=False
    )
    assert done.returncode == 0
    assert part.stat().st_size == SIZE
    assert sha256_of(part) == sha256_of(big_file)
    ((requests,),) = shop.rows("SELECT requests FROM digistore_download_sessions")
    assert requests == 2  # one session: a broken line costs the buyer nothing

    shop.store.payments.refund(
        shop.seller, shop.store.orders.my_orders(shop.buyer).items[0], reason="torn"
    )
    refused = subprocess.run(  # noqa: S603 - our own command
        [str(CURL), "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-r", "10-", url],
        check=True,
        capture_output=True,
        text=True,
    )
    assert refused.stdout == "410"

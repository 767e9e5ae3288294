"""Playing all chapters, in a folder that is gone afterwards."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from digistore.cli.demo import closing, money, selling
from digistore.cli.demo.stage import Stage
from digistore.cli.demo.teller import Teller, Untrue
from digistore.cli.screen import Answer, Screen

CHAPTERS: Final[tuple[tuple[str, Callable[[Stage], None]], ...]] = (
    ("A shop opens", selling.shop_opens),
    ("A product goes on sale", selling.product_on_sale),
    ("A customer buys", selling.customer_buys),
    ("The file arrives", selling.file_arrives),
    ("An update reaches the old buyer", selling.update_arrives),
    ("Paid twice, put right", money.paid_twice),
    ("Help is paid, given and done", money.support_is_paid),
    ("A refund ends access and leaves the books", money.refund_ends_access),
    ("A message that never came", money.webhook_never_came),
    ("The seller's day", closing.sellers_day),
    ("Every promise, checked", closing.promises_hold),
)


def play(given: argparse.Namespace, screen: Screen) -> Answer:
    """Play the demo; what is not true ends it."""
    folder = Path(tempfile.mkdtemp(prefix="digistore-demo-"))
    tell, started, failure = Teller(screen), time.monotonic(), None
    try:
        _tell_all(folder, tell, screen)
    except Untrue as error:
        failure = f"not true in chapter {len(tell.chapters)}: {error}"
        screen.note(f"digistore: {failure}")
    finally:
        if not given.keep:
            shutil.rmtree(folder)
    seconds = time.monotonic() - started
    checked = tell.checked
    kept = str(folder) if given.keep else None
    data = {
        "chapters": tell.chapters,
        "checked": checked,
        "seconds": round(seconds, 2),
        "folder": kept,
        "failure": failure,
    }
    lines = [
        "",
        f"{checked} claims checked in {seconds:.1f} seconds.",
        f"Everything is in {kept}" if kept else "The folder is gone; --keep would keep it.",
    ]
    return Answer(lines, data, failure is None)


def _tell_all(folder: Path, tell: Teller, screen: Screen) -> None:
    tell.begin(
        "digistore demo: the life of a small shop",
        "It happens now, on real files in a folder of its own, without network and real money. "
        f"Each line with {screen.marks.check} has just been asked of the public API, and is true.",
    )
    with Stage(folder, tell) as stage:
        for title, chapter in CHAPTERS:
            tell.chapter(title)
            chapter(stage)

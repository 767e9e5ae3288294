"""Chapters one to five: from an empty shop to an update that reaches an old buyer."""

from __future__ import annotations

from collections import Counter

from digistore.catalog import OfferAction, ProductStatus
from digistore.cli.demo.stage import PRICE, Stage
from digistore.cli.demo.teller import refused
from digistore.cli.demo.wares import sha256_of, text_of
from digistore.errors import NotFound
from digistore.orders import Checkout, OrderState
from digistore.users import SYSTEM


def shop_opens(stage: Stage) -> None:
    """Make the schema and the people."""
    store, tell = stage.store, stage.tell
    tell.say(
        "A shop is a database, a folder for files and somebody who takes the money. Every person "
        "is one user; selling and running the shop are roles on top."
    )
    store.migrate()
    store.check_schema()
    for user in stage.people():
        tell.fact(user.name or "", f"{user.email:<20}{', '.join(sorted(user.roles))}")
    profile = stage.sandbox.profile
    tell.claim(not profile.livemode, f"the gateway is {profile.name!r}: no money moves here")
    tell.claim(not store.catalog.find(None).items, "nothing is for sale yet")


def product_on_sale(stage: Stage) -> None:
    """Make a file, sell it, and see what visitors are told."""
    store, tell = stage.store, stage.tell
    tell.say("Sam writes a product; until it is on sale, it is a draft that nobody else can see.")
    draft = store.catalog.add_product(stage.sam, title="Async Python", price=PRICE)
    hidden = refused(NotFound, lambda: store.catalog.product(stage.ann, draft))
    tell.fact("product", f"{draft.title!r}, {draft.price}, {draft.status!s}")
    tell.claim(draft.status is ProductStatus.DRAFT, f'Ann asks for it and hears: "{hidden}"')
    path = stage.ware(draft.title, "1.0", chunks=48)
    release = stage.upload(draft, "1.0", path)
    stage.book = store.catalog.put_on_sale(stage.sam, draft)
    file = release.files[0]
    tell.fact("release", f"{release.version}, {file.name}, {file.size:,} bytes, {file.media_type}")
    tell.fact("sha256", file.sha256)
    tell.claim(file.sha256 == sha256_of(path), "what is stored is what Sam has on his disk")
    nobody, ann = store.catalog.offer(None, stage.book), store.catalog.offer(stage.ann, stage.book)
    tell.claim(nobody.action is OfferAction.SIGN_IN, 'a stranger is told: "sign in first"')
    tell.claim(ann.action is OfferAction.BUY, f'Ann is told: "buy", for {ann.price}')


def customer_buys(stage: Stage) -> None:
    """Order twice by a double click, pay slowly, and hear of it far too often."""
    store, tell, book = stage.store, stage.tell, stage.book
    tell.say("Ann orders, and clicks twice. She pays by bank debit, which takes its time.")
    checkout, again = stage.checkout(stage.ann, book), stage.checkout(stage.ann, book)
    tell.fact("order", f"{tell.short(checkout.order.id)}, {checkout.order.total}")
    tell.fact("pay at", checkout.url)
    tell.claim(
        (again.order.id, again.url) == (checkout.order.id, checkout.url),
        "a double click is one order, and one address to pay at",
    )
    stage.hear([stage.sandbox.pay(checkout, "delayed")])
    waiting = store.orders.get(stage.ann, checkout.order)
    tell.claim(
        waiting.state is OrderState.PROCESSING and not stage.access(stage.ann, book),
        f"while the money is on its way the order is {waiting.state!s}, and opens nothing",
    )
    tell.say("The money arrives. The bank tells it in the wrong order, and everything three times.")
    stage.sandbox.clear(checkout)
    heard = stage.hear(stage.sandbox.deliver(checkout, shuffle=7, duplicate=3))
    counts = ", ".join(f"{many} {result}" for result, many in sorted(heard.items()))
    tell.fact("webhook", f"{heard.total()} messages: {counts}")
    _one_purchase(stage, checkout)


def _one_purchase(stage: Stage, checkout: Checkout) -> None:
    store, tell = stage.store, stage.tell
    access = stage.access(stage.ann, stage.book)
    told = Counter(stage.run_due())
    purchases = store.entitlements.explain(SYSTEM, stage.ann, stage.book).purchases
    tell.claim(access and len(purchases) == 1, "Ann has access, by exactly one purchase")
    tell.claim(
        told["OrderPaid"] == told["AccessGranted"] == 1,
        "the shop's own handlers were told once: OrderPaid, AccessGranted",
    )
    receipt = store.orders.receipt(stage.ann, checkout.order)
    tell.fact(
        "receipt", f"{receipt.order.total}, paid by {receipt.method}, to {receipt.buyer_email}"
    )


def file_arrives(stage: Stage) -> None:
    """Download what was bought and compare it."""
    store, tell, book = stage.store, stage.tell, stage.book
    link = store.downloads.link(stage.ann, book)
    hours = round((link.expires_at - stage.now()).total_seconds() / 3600)
    tell.say(
        f"Ann gets a signed link for a browser, good for {hours} hours; scripts read a stream."
    )
    bought = link.files[0].sha256
    stage.old_file = sha256_of(stage.download(stage.ann, book))
    tell.fact("bought", bought)
    tell.fact("downloaded", stage.old_file)
    tell.claim(bought == stage.old_file, "they are the same, byte for byte")
    refused_reason = stage.access(stage.ben, book).reason
    tell.claim(refused_reason == "not_purchased", f"Ben has not bought it: {refused_reason}")


def update_arrives(stage: Stage) -> None:
    """Publish a release; who bought the old one gets the new one."""
    store, tell, book = stage.store, stage.tell, stage.book
    tell.say("Sam has found mistakes and publishes 1.1. Ann bought 1.0; access is for life.")
    release = stage.upload(book, "1.1", stage.ware(book.title, "1.1", chunks=56))
    owned = store.entitlements.my_products(stage.ann).items[0]
    tell.claim(
        owned.updated_since_download and owned.latest and owned.latest.version == "1.1",
        "My Products marks it as updated since her last download",
    )
    path = stage.download(stage.ann, book)
    new = sha256_of(path)
    tell.fact("before", stage.old_file)
    tell.fact("now", new)
    tell.fact("it says", text_of(path).strip())
    tell.claim(
        new == release.files[0].sha256 and new != stage.old_file,
        "she has the new file, as it was published",
    )
    orders = store.orders.my_orders(stage.ann).items
    tell.claim(len(orders) == 1, f"and still one order: she has paid {orders[0].total} in all")
    owned = store.entitlements.my_products(stage.ann).items[0]
    tell.claim(not owned.updated_since_download, "the mark is gone")

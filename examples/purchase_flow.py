"""A whole purchase: pay, download, get the update, ask for help.

Run it in an empty folder: ``python purchase_flow.py``.  It makes shop.db and shop-files there.
"""

from digistore import SYSTEM, Money, Role, Store
from digistore.gateways.sandbox import SandboxGateway

BACK = "https://shop.example/thanks"  # where the gateway sends the customer afterwards

sandbox = SandboxGateway()  # a complete gateway without network and money


def open_shop() -> Store:
    """Open the store; a web app does this once, when it starts."""
    store = Store.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[sandbox],
        secret="replace me by 32 random characters or more",
    )
    store.migrate()
    return store


def main() -> None:
    """Play seller, customer and gateway."""
    with open_shop() as store:
        # The seller.  Your own users come in by store.users.ensure("your id of them").
        seller = store.users.register("seller@example.com")
        store.users.grant_role(SYSTEM, seller, Role.SELLER)
        book = store.catalog.add_product(seller, title="Async Python", price=Money("29.00", "USD"))
        store.catalog.release(seller, book, version="1.0", files={"book.txt": b"First edition.\n"})
        store.catalog.put_on_sale(seller, book)

        # The customer.  Send them to checkout.url; the order is written before they get there.
        buyer = store.users.register("buyer@example.com")
        print("a visitor may:", store.catalog.offer(None, book).action)
        print("the buyer may:", store.catalog.offer(buyer, book).action)
        checkout = store.orders.checkout(buyer, [book], return_url=BACK)
        print("to pay:       ", checkout.order.total)

        # The gateway.  What it POSTs to your webhook you hand on as it came, body and headers.
        body, headers = sandbox.pay(checkout)
        store.payments.handle_webhook("sandbox", body, headers)
        print("order:        ", store.orders.get(buyer, checkout.order).state)
        print("access:       ", store.entitlements.check(buyer, book).reason)

        # Access is for life: the next release is theirs as well.
        with store.downloads.open(buyer, book) as file:
            print("downloaded:   ", file.read().decode().strip())
        store.catalog.release(seller, book, version="1.1", files={"book.txt": b"Corrected.\n"})
        for owned in store.entitlements.my_products(buyer):
            print("updated:      ", owned.updated_since_download)
        with store.downloads.open(buyer, book) as file:
            print("downloaded:   ", file.read().decode().strip())

        # Help is paid, request by request.
        store.support.offer(
            seller, book, kind="setup", price=Money("49.00", "USD"), scope="One hour."
        )
        asked = store.support.request(
            buyer, book, kind="setup", subject="Where do I start?", body="...", return_url=BACK
        )
        store.payments.handle_webhook("sandbox", *sandbox.pay(asked))
        print("help:         ", store.support.get(buyer, asked.request).state)

        store.run_due()  # events, refunds of duplicates, expiry: after webhooks, or every minute


if __name__ == "__main__":
    main()

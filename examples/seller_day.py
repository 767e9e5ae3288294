"""A seller's day: sales, a question that was paid for, a refund, and the figures.

Run it in an empty folder: ``python seller_day.py``.
"""

from datetime import UTC, datetime

from digistore import SYSTEM, Money, Period, Product, Role, Store, User
from digistore.gateways.sandbox import SandboxGateway

BACK = "https://shop.example/thanks"

sandbox = SandboxGateway()


def put_on_sale(store: Store, seller: User, title: str, price: str) -> Product:
    """Publish a product with one small file."""
    product = store.catalog.add_product(seller, title=title, price=Money(price, "USD"))
    store.catalog.release(seller, product, version="1.0", files={"read-me.txt": title.encode()})
    return store.catalog.put_on_sale(seller, product)


def sell(store: Store, product: Product, name: str) -> str:
    """Let a new customer buy it; return the order's id."""
    buyer = store.users.ensure(f"host-{name}", email=f"{name}@example.com", name=name.title())
    checkout = store.orders.checkout(buyer, [product], return_url=BACK)
    store.payments.handle_webhook("sandbox", *sandbox.pay(checkout))
    return checkout.order.id


def main() -> None:
    """Play one day, and look at it."""
    began = datetime.now(UTC).date()
    with Store.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[sandbox],
        secret="replace me by 32 random characters or more",
    ) as store:
        store.migrate()
        seller = store.users.register("seller@example.com", name="Sam")
        store.users.grant_role(SYSTEM, seller, Role.SELLER)
        book = put_on_sale(store, seller, "Async Python", "29.00")
        film = put_on_sale(store, seller, "Async Screencast", "19.00")
        orders = [sell(store, book, name) for name in ("ann", "ben", "cleo")]
        sell(store, film, "dan")

        # A paid question waits in the queue until somebody answers.
        store.support.offer(seller, book, kind="setup", price=Money("49.00", "USD"), scope="1 h.")
        ann = store.users.by_external_id(SYSTEM, "host-ann")
        asked = store.support.request(
            ann, book, kind="setup", subject="Where do I start?", body="...", return_url=BACK
        )
        store.payments.handle_webhook("sandbox", *sandbox.pay(asked))
        for request in store.support.queue(seller, state="open"):
            print(f"queue:    {request.subject} ({request.price})")
            store.support.reply(seller, request, "On page 1.")
            store.support.resolve(seller, request)

        # Money back: access ends, the order and its receipt stay.
        refund = store.payments.refund(seller, orders[-1], reason="bought by mistake")
        print(f"refund:   {refund.amount}, {refund.state}")

        # What the day came to; days are in UTC.
        today = Period(began, datetime.now(UTC).date())
        for figures in store.analytics.overview(seller, today).revenue:
            print(f"products: {figures.gross} in {figures.orders} orders")
            print(f"support:  {figures.support_gross} in {figures.support_orders} orders")
            print(f"refunded: {figures.refunded}")
            print(f"net:      {figures.net}")


if __name__ == "__main__":
    main()

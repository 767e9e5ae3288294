"""The same purchase in a host with an event loop: the same names, and ``await`` in front of them.

Run it in an empty folder: ``python purchase_flow_async.py``.
"""

import asyncio

from digistore import SYSTEM, AsyncStore, Money, Role
from digistore.gateways.sandbox import SandboxGateway

BACK = "https://shop.example/thanks"

sandbox = SandboxGateway()  # its own helpers, such as sandbox.pay, stay plain functions


async def main() -> None:
    """Play seller, customer and gateway."""
    async with AsyncStore.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[sandbox],
        secret="replace me by 32 random characters or more",
    ) as store:
        await store.migrate()

        seller = await store.users.register("seller@example.com")
        await store.users.grant_role(SYSTEM, seller, Role.SELLER)
        book = await store.catalog.add_product(
            seller, title="Async Python", price=Money("29.00", "USD")
        )
        await store.catalog.release(
            seller, book, version="1.0", files={"book.txt": b"First edition.\n"}
        )
        await store.catalog.put_on_sale(seller, book)

        # Ten customers at once: operations run in threads, the loop stays free.
        buyers = [await store.users.register(f"buyer{n}@example.com") for n in range(10)]
        checkouts = await asyncio.gather(
            *(store.orders.checkout(buyer, [book], return_url=BACK) for buyer in buyers)
        )

        # The last one never pays; the others' webhooks come in any order.
        outcomes = await asyncio.gather(
            *(
                store.payments.handle_webhook("sandbox", *sandbox.pay(checkout))
                for checkout in reversed(checkouts[:-1])
            )
        )
        print("webhooks:", ", ".join(sorted({str(outcome.result) for outcome in outcomes})))

        # ``check`` without ``await`` raises where it is used as a truth value: it lets nobody in.
        inside = [buyer for buyer in buyers if await store.entitlements.check(buyer, book)]
        print("access:  ", len(inside), "of", len(buyers))

        # The stream blocks: read it in a thread.
        file = await store.downloads.open(inside[0], book)
        with file:
            print("file:    ", (await asyncio.to_thread(file.read)).decode().strip())
        await store.run_due()


if __name__ == "__main__":
    asyncio.run(main())

"""One shop in which everything happens that the library can do, and the ids of what it left."""

from __future__ import annotations

from digistore import SYSTEM, Money, Product, PurchasedProduct, User
from digistore.catalog import PayWhatYouWant
from digistore.downloads import DownloadPlan, DownloadRequest, Stream
from digistore.events import OrderPaid
from digistore.files import BlobReader
from digistore.short_urls import Visit
from tests.conftest import Shop
from tests.doctor.teller import Teller

USD = "USD"


def tell(shop: Shop) -> dict[str, str]:
    """Live through all of it; return names for the ids of what plants are put on."""
    return Story(shop).tell()


class Licence:
    """A recipe for a file of each buyer's own."""

    def build(self, source: BlobReader, purchase: PurchasedProduct) -> bytes:
        return source.read() + purchase.id.encode()


class Story(Teller):
    """Each method is a scene with buyers of its own."""

    def tell(self) -> dict[str, str]:
        self.store.on(OrderPaid, lambda _: None, name="receipts")
        self.book = self.shop.product("Book")
        self.song = self.shop.product("Song", price=Money("19.00", USD))
        self.catalogue()
        self.paid()
        self.refunded()
        self.partly_refunded()
        self.disputed()
        self.help()
        self.twice()
        self.odd()
        self.discounted()
        self.given()
        self.links()
        self.never_paid()
        self.shop.clock.go(days=4)
        self.store.run_due()  # closes the days so far
        self.on_its_way()
        self.name_the_rest()
        return self.ids

    def catalogue(self) -> None:
        catalog, seller = self.store.catalog, self.shop.seller
        shelf = catalog.add_category(self.shop.operator, "Books")
        catalog.add_category(self.shop.operator, "Novels", parent=shelf)
        catalog.update_product(seller, self.book, categories=[shelf], summary="A book")
        catalog.release(seller, self.book, version="1.1", files={"book.pdf": b"Book 1.1"})
        old = catalog.releases(seller, self.book)[-1]
        catalog.yank(seller, old, reason="a misprint")
        draft = catalog.release(
            seller, self.book, version="2.0", files={"book.pdf": b"Book 2.0"}, publish=False
        )
        house = catalog.add_product(SYSTEM, title="House", price=Money("0.00", USD))
        catalog.release(SYSTEM, house, version="1", files={"house.txt": b"house"})
        self.gift = catalog.put_on_sale(SYSTEM, house)
        named = PayWhatYouWant(minimum=Money("1.00", USD), suggested=Money("5.00", USD))
        self.named = self.shop.product("Named", price=named)
        self.ids |= {"product": self.book.id, "draft": draft.id}
        self.ids |= {"release": catalog.releases(None, self.book)[0].id}
        self.ids |= {"other_release": catalog.releases(None, self.song)[0].id}

    def follow(self, buyer: User, product: Product, method: str) -> DownloadPlan:
        """Follow a link from somewhere, counted only if bytes come."""
        link = self.shop.store.downloads.link(buyer, product)
        request = DownloadRequest(method, client="192.0.2.1")
        return self.shop.store.downloads.plan(link.token, request)

    def paid(self) -> None:
        buyer, checkout = self.buy("paid", self.book, idempotency_key="once")
        self.shop.store.downloads.open(buyer, self.book).close()
        self.shop.clock.go(hours=1)
        plan = self.follow(buyer, self.book, "GET")
        assert isinstance(plan.body, Stream)
        plan.body.reader.close()
        free, _ = self.buy("free", self.gift)
        self.shop.store.catalog.release(
            SYSTEM,
            self.gift,
            version="2.0",
            files={"licence.txt": b"licence"},
            personal={"licence.txt": "licence-1"},
        )
        assert self.follow(free, self.gift, "HEAD").status == 200
        self.buy("named", self.named, pay=Money("3.00", USD))
        self.buy("second", self.song, buyer=buyer)
        self.ids["buyer"] = buyer.id
        self.ids["attempt"] = self.attempt_of(checkout)

    def refunded(self) -> None:
        _, checkout = self.buy("refunded", self.book)
        refund = self.store.payments.refund(self.shop.seller, checkout.order, reason="no")
        self.ids["refund"] = refund.id
        _, checkout = self.buy("external", self.book, pay_now=False)
        self.record(checkout, Money("29.00", USD))
        self.note("external", checkout)
        self.store.payments.record_refund(
            SYSTEM,
            checkout.order,
            amount=Money("9.00", USD),
            reference="back",
            returned_at=self.shop.clock(),
            reason="a rebate",
        )
        _, checkout = self.buy("failing", self.book)
        self.store.payments.refund(self.shop.seller, checkout.order, reason="no")
        self.store.run_due()  # its credit note is out when it fails
        self.deliver(self.shop.sandbox.fail_refund(checkout))

    def partly_refunded(self) -> None:
        _, both = self.buy("both", self.book, self.song)
        song = both.order.lines[1]
        part = self.store.payments.refund(
            self.shop.seller, song, amount=Money("4.00", USD), reason="late"
        )
        self.ids |= {"part": part.id, "part_purchase": self.purchase_of(song)}
        _, both = self.buy("unassigned", self.book, self.song)
        self.deliver(self.shop.sandbox.dashboard_refund(both, Money("5.00", USD)))
        self.ids["unassigned_refund"] = self.one(
            "SELECT id FROM digistore_refunds WHERE assigned = 0"
        )
        _, both = self.buy("assigned", self.book, self.song)
        self.deliver(self.shop.sandbox.dashboard_refund(both, Money("5.00", USD)))
        action = next(
            one
            for one in self.store.payments.needing_action(SYSTEM)
            if one.order_id == both.order.id
        )
        self.store.payments.resolve(
            SYSTEM, action, choice="assign", reason="the book", lines=[both.order.lines[0]]
        )
        _, checkout = self.buy("asking", self.song)
        self.store.payments.request_refund(checkout.order.buyer_id, checkout.order, reason="please")

    def disputed(self) -> None:
        for name, ending in (("suspended", None), ("won", "won"), ("lost", "lost")):
            _, checkout = self.buy(name, self.book)
            self.deliver(self.shop.sandbox.open_dispute(checkout))
            if ending:
                self.deliver(self.shop.sandbox.close_dispute(checkout, ending))  # type: ignore[arg-type]
            self.ids[f"{name}_dispute"] = self.dispute_of(checkout)
        _, checkout = self.buy("warned", self.song)
        self.deliver(self.shop.sandbox.open_dispute(checkout, warning=True))
        _, checkout = self.buy("half_lost", self.book, self.song)
        self.deliver(self.shop.sandbox.open_dispute(checkout, Money("19.00", USD)))
        self.deliver(self.shop.sandbox.close_dispute(checkout, "lost"))
        self.ids["half_lost_dispute"] = self.dispute_of(checkout)

    def help(self) -> None:
        support, seller = self.store.support, self.shop.seller
        price = Money("49.00", USD)
        support.offer(seller, self.book, kind="setup", price=Money("39.00", USD), scope="An hour.")
        support.offer(seller, self.book, kind="setup", price=price, scope="An hour.")
        buyer, _ = self.buy("helped", self.book)
        self.helped = buyer
        asked = [self.ask(buyer, self.book, f"Question {number}") for number in range(3)]
        for one in asked:
            self.deliver(self.shop.sandbox.pay(one))
        support.reply(seller, asked[0].request, "Tell me more.", ask=True)
        support.reply(buyer, asked[0].request, "More.")
        support.resolve(seller, asked[1].request)
        support.waive(seller, asked[2].request, reason="too simple")
        for name, one in zip(("help", "solved", "waived"), asked, strict=True):
            self.ids[f"{name}_request"] = one.request.id
            self.note(name, one.checkout)

    def twice(self) -> None:
        buyer, first = self.buy("first", self.book, allow_repeat=True)
        _, again = self.buy("standby", self.book, buyer=buyer, allow_repeat=True)
        purchase = self.ids["first_purchase"]
        self.store.entitlements.revoke(self.shop.operator, purchase, reason="a mistake")
        self.store.entitlements.restore(self.shop.operator, purchase, reason="no mistake")
        self.ids |= {"live_purchase": self.ids["standby_purchase"], "standby_purchase": purchase}
        assert first.order.id != again.order.id
        _, checkout = self.buy("revoked", self.song)
        self.store.entitlements.revoke(
            self.shop.operator, self.ids["revoked_purchase"], reason="fraud"
        )
        _, checkout = self.buy("duplicate", self.book, pay_now=False)
        self.deliver(self.shop.sandbox.pay(checkout, "delayed"))
        self.record(checkout, Money("29.00", USD))
        self.deliver(self.shop.sandbox.clear(checkout))
        self.note("duplicate", checkout)
        self.ids["duplicate_payment"] = self.one(
            "SELECT id FROM digistore_payments WHERE disposition = 'duplicate'"
        )

    def odd(self) -> None:
        _, checkout = self.buy("underpaid", self.book, pay_now=False)
        self.deliver(self.shop.sandbox.pay(checkout, amount=Money("1.00", USD)))
        self.ids["underpaid_payment"] = self.one(
            "SELECT id FROM digistore_payments WHERE disposition = 'underpaid'"
        )
        _, checkout = self.buy("overpaid", self.book, pay_now=False)
        self.deliver(self.shop.sandbox.pay(checkout, amount=Money("35.00", USD)))
        _, checkout = self.buy("late", self.book, pay_now=False)
        self.deliver(self.shop.sandbox.pay(checkout, "delayed"))
        self.deliver(self.shop.sandbox.clear(checkout, ok=False))
        self.store.orders.cancel(checkout.order.buyer_id, checkout.order)
        self.record(checkout, Money("29.00", USD))

    def never_paid(self) -> None:
        _, checkout = self.buy("expired", self.book, pay_now=False)
        self.note("expired", checkout)
        buyer, checkout = self.buy("canceled", self.book, pay_now=False)
        self.note("canceled", checkout)
        self.store.orders.cancel(buyer, checkout.order)

    def on_its_way(self) -> None:
        _, checkout = self.buy("open", self.book, pay_now=False)
        self.note("open", checkout)
        self.ids["open_attempt"] = self.attempt_of(checkout)
        _, reserved = self.buy("reserved", self.song, discount="OFF", pay_now=False)
        self.ids["reserved_order"] = reserved.order.id
        unpaid = self.ask(self.helped, self.book, "Question 3")
        self.note("unpaid", unpaid.checkout)
        self.ids["unpaid_request"] = unpaid.request.id
        _, checkout = self.buy("unknown", self.song)
        self.shop.sandbox.fail_next("timeout", method="refund")
        refund = self.store.payments.refund(self.shop.seller, checkout.order, reason="no")
        self.ids["unknown_refund"] = refund.id
        _, checkout = self.buy("processing", self.book, pay_now=False)
        self.deliver(self.shop.sandbox.pay(checkout, "delayed"))
        self.note("processing", checkout)
        self.ids["pending_payment"] = self.one(
            "SELECT id FROM digistore_payments WHERE state = 'pending'"
        )
        self.shop.sandbox.fail_next("timeout", method="fetch")
        self.deliver(self.shop.sandbox.deliver(checkout)[-1])

    def discounted(self) -> None:
        orders, seller = self.store.orders, self.shop.seller
        discount = orders.add_discount(
            seller, "SPRING", percent=10, products=[self.song], max_uses=2, max_uses_per_customer=2
        )
        orders.add_discount(seller, "OFF", amount=Money("1.00", USD))
        self.ids["discount"] = discount.id
        late, checkout = self.buy("late_discounted", self.song, discount="SPRING", pay_now=False)
        self.ids["late_discounted_buyer"] = late.id
        _, other = self.buy("released", self.song, discount="SPRING", pay_now=False)
        self.ids["released_order"] = other.order.id
        self.shop.clock.go(hours=13)
        self.store.run_due()
        _, used = self.buy("discounted", self.song, discount="SPRING")
        self.ids["discounted_order"] = used.order.id
        self.buy("last", self.song, discount="SPRING", pay_now=False)
        self.record(checkout, checkout.order.total)
        self.store.orders.retire_discount(seller, orders.add_discount(seller, "GONE", percent=5))

    def given(self) -> None:
        orders, users = self.store.orders, self.store.users
        self.buy("given", self.book, gift_to="friend@example.com")
        guest = users.guest("friend@example.com")
        _, own = self.buy("by_guest", self.song, buyer=guest)
        friend = users.claim(None, "friend@example.com", users.start_claim("friend@example.com"))
        assert orders.get(friend, own.order).buyer_id == friend.id

    def links(self) -> None:
        short, owner = self.store.short_urls, self.shop.operator
        link = short.shorten(owner, "https://shop.example/book", product=self.book)
        other = short.shorten(owner, "https://shop.example/song", max_visits=5)
        short.resolve(link.code, Visit("GET", {"User-Agent": "Mozilla/5.0 Firefox/140.0"}))
        short.resolve(other.code)
        short.disable(owner, other)
        self.ids |= {"link": link.id, "other_link": other.id, "link_code": link.code}

    def name_the_rest(self) -> None:
        self.store.run_due()
        refund = self.ids["refund"]
        document = (
            "SELECT {} FROM digistore_receipts WHERE issuer <> 'house' AND kind = '{}' AND {}"
        )
        self.ids |= {
            "receipt": self.one(document.format("id", "receipt", "number = 1")),
            "later_receipt": self.one(document.format("id", "receipt", "number = 2")),
            "any_receipt": self.one(document.format("MIN(id)", "receipt", "1 = 1")),
            "any_credit": self.one(document.format("MIN(id)", "credit_note", "1 = 1")),
            "credit": self.one(document.format("id", "credit_note", f"refund_id = '{refund}'")),
            "credited": self.one(
                document.format("receipt_id", "credit_note", f"refund_id = '{refund}'")
            ),
            "debit": self.one(document.format("id", "debit_note", "number = 1")),
            "debited": self.one(document.format("credit_note_id", "debit_note", "number = 1")),
        }
        self.ids |= {
            "seller": self.shop.seller.id,
            "operator": self.shop.operator.id,
            "action": self.one("SELECT MIN(id) FROM digistore_payment_actions"),
            "message": self.one(
                "SELECT MIN(id) FROM digistore_provider_events WHERE status = 'done'"
            ),
            "received": self.one(
                "SELECT MIN(id) FROM digistore_provider_events WHERE status = 'received'"
            ),
            "event": self.one(
                "SELECT MIN(event_id) FROM digistore_deliveries WHERE state = 'done'"
            ),
            "session": self.one("SELECT id FROM digistore_download_sessions"),
            "click": self.one("SELECT MIN(id) FROM digistore_clicks"),
        }

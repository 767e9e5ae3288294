"""Where the demo plays: a folder of its own, a shop in it, and the people."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from digistore.catalog import Product, Release
from digistore.cli.demo.teller import Teller
from digistore.cli.demo.wares import CHUNK, in_chunks, make_archive
from digistore.cli.working import rounds
from digistore.entitlements import Access
from digistore.events import EVENT_TYPES, Event
from digistore.gateways.sandbox import SandboxGateway
from digistore.money import Money
from digistore.orders import Checkout
from digistore.payments import Payment
from digistore.store import Store
from digistore.users import SYSTEM, Role, User

RETURN: Final = "https://shop.example/thanks"
PRICE: Final = Money("29.00", "USD")

Message = tuple[bytes, dict[str, str]]


class Stage:
    """A store on real files, a sandbox for a bank, the people, and what has happened so far."""

    sam: User
    olga: User
    ann: User
    ben: User
    cleo: User
    dan: User
    book: Product
    old_file: str

    def __init__(self, folder: Path, tell: Teller) -> None:
        """Open the store in *folder*, and listen to every event."""
        self.folder = folder
        self.tell = tell
        self.began = self.now()
        self.sandbox = SandboxGateway()
        self.store = Store.open(
            f"sqlite:///{folder / 'shop.db'}",
            files=f"file://{(folder / 'files').as_posix()}",
            gateways=[self.sandbox],
            secret=secrets.token_urlsafe(32),
        )
        self._told: list[Event] = []
        self._urls: set[str] = set()
        self._elsewhere: list[Payment] = []
        for kind in EVENT_TYPES.values():
            self.store.on(kind, self._told.append, name="demo")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.store.close()

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def people(self) -> tuple[User, ...]:
        """Register everybody; Sam sells, Olga runs the shop."""
        names = ("sam", "olga", "ann", "ben", "cleo", "dan")
        for name in names:
            user = self.store.users.register(f"{name}@example.com", name=name.title())
            setattr(self, name, user)
        self.sam = self.store.users.grant_role(SYSTEM, self.sam, Role.SELLER)
        self.olga = self.store.users.grant_role(SYSTEM, self.olga, Role.OPERATOR)
        return self.sam, self.olga, self.ann, self.ben, self.cleo, self.dan

    # Sam.

    def ware(self, title: str, version: str, chunks: int) -> Path:
        """Make a file that can be sold, with a bar."""
        path = self.folder / f"{title.lower().replace(' ', '-')}-{version}.zip"
        text = f"{title}, version {version}\n"
        make_archive(
            path, text, chunks, lambda done, total: self.tell.progress("making", done, total)
        )
        return path

    def upload(self, product: Product, version: str, path: Path) -> Release:
        """Release a file as the latest version of a product, with a bar."""
        chunks = in_chunks(path, lambda done, total: self.tell.progress("storing", done, total))
        return self.store.catalog.release(
            self.sam, product, version=version, files={f"{product.slug}.zip": chunks}
        )

    # Customers.

    def checkout(self, buyer: User, product: Product) -> Checkout:
        """Order a product; to pay is the buyer's next move."""
        return self.note(self.store.orders.checkout(buyer, [product], return_url=RETURN))

    def note(self, checkout: Checkout) -> Checkout:
        """Remember where money can arrive."""
        self._urls.add(checkout.url or "")
        return checkout

    def buy(self, buyer: User, product: Product) -> Checkout:
        """Order a product and pay for it, and let the bank tell."""
        checkout = self.checkout(buyer, product)
        self.hear([self.sandbox.pay(checkout)])
        return checkout

    def download(self, buyer: User, product: Product) -> Path:
        """Fetch the latest file to the buyer's own folder, byte by byte."""
        own = self.folder / "downloads"
        own.mkdir(exist_ok=True)
        path = own / f"{buyer.name}-{product.slug}.zip"
        with self.store.downloads.open(buyer, product) as source, path.open("wb") as target:
            while part := source.read(CHUNK):
                target.write(part)
        return path

    def access(self, buyer: User, product: Product) -> Access:
        """Ask whether somebody may open a product now."""
        return self.store.entitlements.check(buyer, product)

    # The bank, and Olga.

    def hear(self, messages: Iterable[Message]) -> Counter[str]:
        """Give messages to the webhook, as a bank sends them; count what became of them."""
        return Counter(
            str(self.store.payments.handle_webhook("sandbox", *message).result)
            for message in messages
        )

    def record(self, checkout: Checkout, reference: str) -> Payment:
        """Let Olga record the price of an order that came by bank transfer."""
        payment = self.store.payments.record(
            self.olga,
            checkout.order,
            amount=checkout.order.total,
            method="bank_transfer",
            reference=reference,
            received_at=self.now(),
        )
        self._elsewhere.append(payment)
        return payment

    def kept(self, currency: str) -> tuple[Money, Money]:
        """Return what the gateway says it has kept, and what came by transfer."""
        at_gateway = Money.zero(currency)
        for url in self._urls:
            bank = self.sandbox.look_up(url)
            at_gateway += bank.captured or Money.zero(currency)
            at_gateway -= Money.total((refund.told.money for refund in bank.refunds), currency)
        return at_gateway, Money.total((one.captured for one in self._elsewhere), currency)

    # The shop.

    def run_due(self) -> list[str]:
        """Do all that is due; return the names of the events that handlers were told meanwhile."""
        before = len(self._told)
        for _ in rounds(self.store):
            pass
        return [type(event).__name__ for event in self._told[before:]]

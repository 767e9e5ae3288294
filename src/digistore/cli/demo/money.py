"""Chapters six to nine: money that comes twice, for help, goes back, or comes unheard."""

from __future__ import annotations

from digistore.cli.demo.stage import PRICE, RETURN, Stage
from digistore.cli.demo.teller import refused
from digistore.cli.demo.wares import sha256_of
from digistore.errors import AlreadyOwned, Forbidden, PaymentInFlight
from digistore.money import Money
from digistore.orders import Checkout, OrderState
from digistore.payments import Disposition, RefundStatus
from digistore.support import SupportState
from digistore.users import SYSTEM


def paid_twice(stage: Stage) -> None:
    """Let a transfer and a debit pay for one order, and the second go back by itself."""
    store, tell, book = stage.store, stage.tell, stage.book
    tell.say(
        "Ben chooses a bank debit, too. Two days later nothing has come, so he sends the money "
        "by transfer; Olga finds it on the bank's statement and records it."
    )
    checkout = stage.checkout(stage.ben, book)
    stage.hear([stage.sandbox.pay(checkout, "delayed")])
    refused(PaymentInFlight, lambda: stage.checkout(stage.ben, book))
    tell.claim(True, "while money is on its way, a second checkout is refused: PaymentInFlight")
    transfer = stage.record(checkout, "statement 17, line 4")
    tell.claim(
        transfer.disposition is Disposition.COVERING and stage.access(stage.ben, book),
        "the transfer covers the order, and Ben has access",
    )
    tell.say("Then the debit comes through after all. That is twice the money for one product.")
    stage.sandbox.clear(checkout)
    stage.hear(stage.sandbox.deliver(checkout, shuffle=3))
    told = stage.run_due()
    _put_right(stage, checkout, transfer.captured, told)


def _put_right(stage: Stage, checkout: Checkout, kept: Money, told: list[str]) -> None:
    store, tell, bank = stage.store, stage.tell, stage.sandbox.look_up(checkout)
    debit = bank.captured or Money.zero(PRICE.currency)
    returned = Money.total((refund.told.money for refund in bank.refunds), PRICE.currency)
    tell.table(
        [
            ("bank transfer", str(kept), str(kept - kept), str(kept)),
            ("bank debit", str(debit), str(returned), str(debit - returned)),
        ],
        ("money", "came in", "went back", "kept"),
    )
    tell.claim(returned == debit, "run_due() has sent the second payment back, in full, unasked")
    tell.claim("DuplicateReturned" in told, "the shop's handlers were told: DuplicateReturned")
    order = store.orders.get(stage.ben, checkout.order)
    tell.claim(
        order.state is OrderState.PAID and stage.access(stage.ben, stage.book),
        "the order stays paid, Ben's access was never touched",
    )
    tell.claim(not store.payments.needing_action(stage.olga), "nothing is left for Olga to decide")
    owned = refused(AlreadyOwned, lambda: stage.checkout(stage.ben, stage.book))
    tell.claim(owned.state == "live", "and if he tries once more: AlreadyOwned")


def support_is_paid(stage: Stage) -> None:
    """Ask for help, pay for it, get it."""
    store, tell, book = stage.store, stage.tell, stage.book
    offer = store.support.offer(
        stage.sam,
        book,
        kind="setup",
        price=Money("49.00", "USD"),
        scope="One hour, on your machine.",
    )
    tell.say("Help is never free, and needs a product that one holds.")
    tell.fact("offer", f"{offer.kind}, {offer.price}: {offer.scope}")
    eligible = store.support.eligibility(stage.ann)
    tell.claim(
        eligible[0].eligible and not store.support.eligibility(stage.cleo),
        "Ann may ask; Cleo, who holds nothing, may not",
    )
    asked = store.support.request(
        stage.ann,
        book,
        kind=offer.kind,
        subject="Where do I start?",
        body="Python runs, but lesson 2 does not find my event loop.",
        return_url=RETURN,
    )
    stage.note(asked.checkout)
    tell.claim(
        asked.request.state is SupportState.UNPAID,
        f"request {tell.short(asked.request.id)} is {asked.request.state!s}: nobody works yet",
    )
    stage.hear([stage.sandbox.pay(asked)])
    paid = store.support.get(stage.ann, asked.request)
    tell.claim(
        paid.state is SupportState.OPEN, f"paid {paid.price}, it is {paid.state!s}, in Sam's queue"
    )
    store.support.reply(
        stage.sam, paid, "You start it twice. See line 8: use asyncio.run once.", ask=True
    )
    store.support.reply(stage.ann, paid, "That was it. Thank you!")
    resolved = store.support.resolve(stage.sam, paid)
    for message in store.support.get(stage.ann, paid).messages:
        tell.fact("Sam" if message.by_staff else "Ann", message.body)
    tell.claim(
        resolved.state is SupportState.RESOLVED,
        f"it is {resolved.state!s}; the next question is a new request",
    )


def refund_ends_access(stage: Stage) -> None:
    """Give money back: access ends, the books stay."""
    store, tell, book = stage.store, stage.tell, stage.book
    tell.say("Cleo buys, downloads, and changes her mind. Sam gives the money back.")
    checkout = stage.buy(stage.cleo, book)
    store.downloads.link(stage.cleo, book)
    stage.download(stage.cleo, book)
    tell.claim(stage.access(stage.cleo, book), "before: Cleo has access, and a link of hers works")
    refund = store.payments.refund(stage.sam, checkout.order, reason="not what she expected")
    tell.fact("refund", f"{refund.amount}, {refund.state!s}, {refund.reason!r}")
    why = refused(Forbidden, lambda: store.downloads.link(stage.cleo, book))
    refused(Forbidden, lambda: store.downloads.open(stage.cleo, book))
    tell.claim(refund.state is RefundStatus.SUCCEEDED and why.reason == "revoked", f"after: {why}")
    tell.fact(
        "explained", stage.shortened(store.entitlements.explain(SYSTEM, stage.cleo, book).text)
    )
    receipt = store.orders.receipt(stage.cleo, checkout.order)
    tell.fact(
        "receipt", f"paid {receipt.order.total}, refunded {receipt.refunded}, net {receipt.net}"
    )
    tell.claim(
        receipt.order.state is OrderState.PAID and not receipt.net,
        "the books stay: the order is still there, paid, with its refund beside it",
    )
    tell.claim(stage.access(stage.ann, book), "Ann, who bought the same, notices nothing")


def webhook_never_came(stage: Stage) -> None:
    """Pay without a message, and find it all the same."""
    store, tell = stage.store, stage.tell
    draft = store.catalog.add_product(
        stage.sam, title="Async Screencast", price=Money("19.00", "USD")
    )
    tell.say("Sam sells a second product. Dan pays for it, but the bank's message gets lost.")
    stage.upload(draft, "1.0", stage.ware(draft.title, "1.0", chunks=16))
    film = store.catalog.put_on_sale(stage.sam, draft)
    checkout = stage.checkout(stage.dan, film)
    stage.sandbox.pay(checkout)
    order = store.orders.get(stage.dan, checkout.order)
    tell.claim(
        order.state is OrderState.OPEN and not stage.access(stage.dan, film),
        f"the bank has {stage.sandbox.look_up(checkout).captured}; the shop says: {order.state!s}",
    )
    report = store.payments.reconcile()
    tell.fact("reconcile", f"asked about {report.polled} changes, {report.failed} failed")
    order = store.orders.get(stage.dan, checkout.order)
    tell.claim(
        order.state is OrderState.PAID and stage.access(stage.dan, film),
        f"found: the order is {order.state!s}, and Dan has access",
    )
    bought = sha256_of(stage.download(stage.dan, film))
    tell.claim(
        bought == store.downloads.files(stage.dan, film)[0].sha256, "and his download is right"
    )

"""Chapters six to nine: money that comes twice, for help, goes back, or comes unheard."""

from __future__ import annotations

from collections import Counter

from digistore.cli.demo.stage import PRICE, RETURN, Stage
from digistore.cli.demo.teller import refused
from digistore.cli.demo.wares import sha256_of
from digistore.errors import AlreadyOwned, Forbidden, PaymentInFlight
from digistore.money import Money
from digistore.orders import Checkout, OrderState
from digistore.payments import Action, Choice, Disposition, Payment
from digistore.support import SupportOffer, SupportRequest, SupportState
from digistore.users import SYSTEM

HELP = Money("49.00", "USD")
FILM = Money("19.00", "USD")


def paid_twice(stage: Stage) -> None:
    """Let a transfer and a debit pay for one order, and the second go back by itself."""
    tell, book = stage.tell, stage.book
    tell.say("Ben chooses a bank debit as well, does not want to wait, and tries to order again.")
    checkout = stage.checkout(stage.ben, book)
    stage.hear([stage.sandbox.pay(checkout, "delayed")])
    tell.claim(
        refused(PaymentInFlight, lambda: stage.checkout(stage.ben, book)),
        "refused while his money is on its way: PaymentInFlight",
    )
    tell.say(
        "So he sends the money by bank transfer. Olga finds it on the statement and records it."
    )
    transfer = stage.record(checkout, "statement 17, line 4")
    tell.claim(
        transfer.disposition is Disposition.COVERING and stage.access(stage.ben, book),
        f"the transfer of {transfer.captured} pays for the order, and Ben has access",
    )
    tell.say("Then the debit comes through after all: twice the money for one product.")
    stage.sandbox.clear(checkout)
    stage.hear(stage.sandbox.deliver(checkout, shuffle=3))
    told = stage.run_due()
    _two_payments(stage, checkout, transfer)
    tell.claim("DuplicateReturned" in told, "the shop's handlers were told: DuplicateReturned")
    _nothing_else_changed(stage, checkout)


def _two_payments(stage: Stage, checkout: Checkout, transfer: Payment) -> None:
    tell, bank = stage.tell, stage.sandbox.look_up(checkout)
    nothing = Money.zero(PRICE.currency)
    debit = bank.captured or nothing
    returned = Money.total((refund.told.money for refund in bank.refunds), PRICE.currency)
    tell.table(
        ("money", "came in", "went back", "kept"),
        (
            ("bank transfer", str(transfer.captured), str(nothing), str(transfer.captured)),
            ("bank debit", str(debit), str(returned), str(debit - returned)),
        ),
    )
    tell.claim(
        debit == returned == PRICE, "run_due() has sent the second payment back, in full, unasked"
    )


def _nothing_else_changed(stage: Stage, checkout: Checkout) -> None:
    store, tell, book = stage.store, stage.tell, stage.book
    order = store.orders.get(stage.ben, checkout.order)
    tell.claim(
        order.state is OrderState.PAID and stage.access(stage.ben, book),
        f"his order is {order.state!s}, and his access was never touched",
    )
    tell.claim(not store.payments.needing_action(stage.olga), "Olga has nothing to decide")
    tell.claim(
        refused(AlreadyOwned, lambda: stage.checkout(stage.ben, book)),
        "one more try is refused before any money moves: AlreadyOwned",
    )


def support_is_paid(stage: Stage) -> None:
    """Ask for help, pay for it, get it."""
    store, tell, book = stage.store, stage.tell, stage.book
    offer = store.support.offer(
        stage.sam, book, kind="setup", price=HELP, scope="One hour, on your machine."
    )
    tell.say("Help is never free, each request is its own charge, and one must hold the product.")
    tell.fact("offer", f"{offer.kind}, {offer.price}: {offer.scope}")
    (ann,) = store.support.eligibility(stage.ann)
    tell.claim(
        ann.eligible and not store.support.eligibility(stage.cleo),
        "Ann can ask for it; Cleo, who holds nothing, cannot",
    )
    request = _asked_and_paid(stage, offer)
    store.support.reply(stage.sam, request, "You start it twice: see line 8.", ask=True)
    store.support.reply(stage.ann, request, "That was it. Thank you!")
    resolved = store.support.resolve(stage.sam, request)
    for message in store.support.get(stage.ann, request).messages:
        tell.fact("Sam" if message.by_staff else "Ann", message.body)
    tell.claim(
        resolved.state is SupportState.RESOLVED and resolved.first_response_at,
        f"the request is {resolved.state!s}; the next question is a new one",
    )
    told = Counter(name for name in stage.run_due() if name.startswith("Support"))
    tell.claim(
        told == {"SupportPaid": 1, "SupportReplied": 2, "SupportResolved": 1},
        "the shop's handlers were told: "
        + ", ".join(f"{name} {many}x" for name, many in sorted(told.items())),
    )


def _asked_and_paid(stage: Stage, offer: SupportOffer) -> SupportRequest:
    store, tell = stage.store, stage.tell
    asked = store.support.request(
        stage.ann,
        stage.book,
        kind=offer.kind,
        subject="Where do I start?",
        body="Lesson 2 says that a loop is running already.",
        return_url=RETURN,
    )
    stage.note(asked.checkout)
    request = asked.request
    tell.fact("request", f"{tell.short(request.id)}, {request.price}, {request.subject!r}")
    tell.fact("Ann", request.body)
    tell.claim(request.state is SupportState.UNPAID, f"it is {request.state!s}: nobody works yet")
    stage.hear([stage.sandbox.pay(asked)])
    paid = store.support.get(stage.ann, request)
    (queued,) = store.support.queue(stage.sam, state=SupportState.OPEN)
    tell.claim(queued.id == paid.id, f"paid, it is {paid.state!s}, and stands in Sam's queue")
    return paid


def refund_ends_access(stage: Stage) -> None:
    """Give money back: access ends, the books stay."""
    store, tell, book = stage.store, stage.tell, stage.book
    tell.say("Cleo buys, downloads, changes her mind and asks for her money back.")
    checkout = stage.buy(stage.cleo, book)
    link = store.downloads.link(stage.cleo, book)
    size = stage.download(stage.cleo, book).stat().st_size
    asked = store.payments.request_refund(stage.cleo, checkout.order, reason="not what I expected")
    (seen,) = store.payments.needing_action(stage.sam)
    tell.fact("Cleo", asked.reason)
    tell.claim(
        seen.id == asked.id and size == link.files[0].size and stage.access(stage.cleo, book),
        f"Sam and Olga see it; nothing has changed, she keeps her {size:,} bytes",
    )
    _given_back(stage, asked)
    why = refused(Forbidden, lambda: store.downloads.link(stage.cleo, book))
    refused(Forbidden, lambda: store.downloads.open(stage.cleo, book))
    tell.claim(why.reason == "revoked", f'links and downloads now answer: "{why}"')
    told = store.entitlements.explain(SYSTEM, stage.cleo, book)
    tell.fact("explain", tell.shortened(told.text))
    _books_remain(stage, checkout)


def _given_back(stage: Stage, asked: Action) -> None:
    store, tell = stage.store, stage.tell
    stage.run_due()
    decided = store.payments.resolve(stage.olga, asked, choice=Choice.REFUND, reason="fair enough")
    told = ", ".join(sorted(stage.run_due()))
    tell.fact("Olga", f"{decided.choice!s}, decided at {decided.resolved_at:%H:%M} UTC")
    tell.claim(
        told == "AccessRevoked, RefundSucceeded" and not stage.access(stage.cleo, stage.book),
        f"her access has ended; the shop's handlers were told: {told}",
    )


def _books_remain(stage: Stage, checkout: Checkout) -> None:
    tell, receipt = stage.tell, stage.store.orders.receipt(stage.cleo, checkout.order)
    tell.fact("receipt", f"{receipt.order.total} paid, {receipt.refunded} back, {receipt.net} net")
    tell.claim(
        receipt.order.state is OrderState.PAID and receipt.refunded == receipt.order.total,
        f"the books stay: the order is {receipt.order.state!s}, its refund stands beside it",
    )
    tell.claim(stage.access(stage.ann, stage.book), "Ann, who bought the same, notices nothing")


def webhook_never_came(stage: Stage) -> None:
    """Pay without a message, and find it all the same."""
    store, tell = stage.store, stage.tell
    tell.say("Sam sells a second product. Dan pays for it, but the bank's message gets lost.")
    draft = store.catalog.add_product(stage.sam, title="Async Screencast", price=FILM)
    stage.upload(draft, "1.0", stage.ware(draft.title, "1.0", chunks=16))
    film = store.catalog.put_on_sale(stage.sam, draft)
    checkout = stage.checkout(stage.dan, film)
    stage.sandbox.pay(checkout)
    bank = stage.sandbox.look_up(checkout)
    order = store.orders.get(stage.dan, checkout.order)
    tell.claim(
        bank.captured == FILM and not stage.access(stage.dan, film),
        f"the bank has his {bank.captured}, the shop says that his order is {order.state!s}",
    )
    report = store.payments.reconcile()
    tell.fact("reconcile", f"{report.polled} payments asked about, {report.failed} failed")
    order = store.orders.get(stage.dan, checkout.order)
    tell.claim(
        order.state is OrderState.PAID and stage.access(stage.dan, film),
        f"found: the order is {order.state!s}, and Dan has access",
    )
    (file,) = store.downloads.files(stage.dan, film)
    tell.claim(
        sha256_of(stage.download(stage.dan, film)) == file.sha256,
        f"he downloads {file.name}, as it was published",
    )

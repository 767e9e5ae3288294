"""What customers may do with orders: their own, whatever else their roles would allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digistore.blocking import offload
from digistore.errors import Invalid, NotFound
from digistore.web.api import outputs as told
from digistore.web.api.buyers import billing_of, consents_of
from digistore.web.api.inputs import (
    CheckoutInput,
    ConfirmInput,
    NoQuery,
    Nothing,
    PageQuery,
    QuoteInput,
    RefundRequestInput,
)
from digistore.web.api.operations import BY_USER, document, get, post
from digistore.web.messages import QUIET, Problem, Request, Response
from digistore.web.problems import PATIENCE
from digistore.web.sandbox import payable
from digistore.web.site import Site

if TYPE_CHECKING:
    from digistore.orders import Order
    from digistore.orders.receipts.models import ReceiptDocument
    from digistore.orders.receipts.receipt import Receipt


async def own_order(site: Site, request: Request) -> Order:
    """Return the order that the path names, if it is the user's own.

    Raises:
        NotFound: it is not, be they its seller or an operator.
    """
    user = request.acting()
    order = await site.services.orders.get(user, request.params["order"])
    if order.buyer_id != await site.services.users.id_of(user):
        raise NotFound("order", order.id)
    return order


async def quote(site: Site, request: Request, given: QuoteInput) -> object:
    """Say what an order would cost now."""
    return await site.services.orders.quote(
        request.acting(),
        given.items,
        discount=given.discount,
        pay=given.pay,
        gift_to=given.gift_to,
        billing=await billing_of(site, request, given.billing),
    )


async def checkout(site: Site, request: Request, given: CheckoutInput) -> object:
    """Order, and say where to pay."""
    made = await site.services.orders.checkout(
        request.acting(),
        given.items,
        return_url=site.return_url(request.mount),
        cancel_url=site.settings.cancel_url,
        gateway=given.gateway,
        discount=given.discount,
        gift_to=given.gift_to,
        pay=given.pay,
        billing=await billing_of(site, request, given.billing),
        consents=consents_of(site, given.consents),
        click=given.click,
        idempotency_key=given.idempotency_key,
        allow_repeat=given.allow_repeat,
    )
    return payable(site, request, made)


async def my_orders(site: Site, request: Request, asked: PageQuery) -> object:
    """List one's own orders."""
    return await site.services.orders.my_orders(
        request.acting(), after=asked.after, limit=asked.limit
    )


async def order(site: Site, request: Request, asked: NoQuery) -> object:
    """Show one's own order."""
    return await own_order(site, request)


async def receipt(site: Site, request: Request, asked: NoQuery) -> object:
    """Show the receipt of one's own order, as data."""
    return await _receipt(site, request)


async def receipt_html(site: Site, request: Request) -> Response:
    """Show the receipt as a page."""
    issued = _issued(await _receipt(site, request))
    text = await offload(issued.html, site.settings.receipts)
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": policy,
        **QUIET,
    }
    return Response(200, headers, text.encode())


async def receipt_pdf(site: Site, request: Request) -> Response:
    """Show the receipt as a file."""
    issued = _issued(await _receipt(site, request))
    try:
        body = await offload(issued.pdf, site.settings.receipts)
    except Invalid as error:  # it tells the host which fonts to bring along
        message = "this receipt cannot be made into a file; open it as a page instead"
        raise Problem(422, "not_printable", message) from error
    headers = {
        "Content-Type": "application/pdf",
        "Content-Disposition": 'attachment; filename="receipt.pdf"',
        **QUIET,
    }
    return Response(200, headers, body)


async def cancel(site: Site, request: Request, given: Nothing) -> object:
    """Cancel one's own order that is not paid."""
    mine = await own_order(site, request)
    return await site.services.orders.cancel(request.acting(), mine.id)


async def confirm(site: Site, request: Request, given: ConfirmInput) -> object:
    """Ask what became of one's own order."""
    mine = await own_order(site, request)
    return await site.services.payments.confirm(request.acting(), mine.id, params=given.params)


async def request_refund(site: Site, request: Request, given: RefundRequestInput) -> object:
    """Ask for money back."""
    mine = await own_order(site, request)
    if given.line is not None and given.line not in {line.id for line in mine.lines}:
        raise NotFound("order line", given.line)
    return await site.services.payments.request_refund(
        request.acting(), given.line or mine.id, reason=given.reason
    )


def _issued(receipt: Receipt) -> ReceiptDocument:
    if receipt.document is None:
        message = "this receipt is not ready yet; try again in a moment"
        raise Problem(404, "not_ready", message, headers={"Retry-After": str(PATIENCE)})
    return receipt.document


async def _receipt(site: Site, request: Request) -> Receipt:
    mine = await own_order(site, request)
    return await site.services.orders.receipt(request.acting(), mine.id)


ROUTES = (
    post(
        "/quote",
        "quote",
        quote,
        "Say what an order would cost now",
        given=QuoteInput,
        told=told.QuoteTold,
        problems=(*BY_USER, 404, 409, 429),
    ),
    post(
        "/checkout",
        "checkout",
        checkout,
        "Order, and say where to pay",
        given=CheckoutInput,
        told=told.CheckoutTold,
        problems=(*BY_USER, 404, 409, 429, 502),
    ),
    get(
        "/orders",
        "my_orders",
        my_orders,
        "List one's own orders",
        asked=PageQuery,
        told=told.OrdersTold,
        problems=BY_USER,
    ),
    get(
        "/orders/{order}",
        "order",
        order,
        "Show an order of one's own",
        asked=NoQuery,
        told=told.OrderTold,
        problems=BY_USER,
    ),
    get(
        "/orders/{order}/receipt",
        "receipt",
        receipt,
        "Show the receipt of a paid order",
        asked=NoQuery,
        told=told.ReceiptTold,
        problems=BY_USER,
    ),
    document(
        "/orders/{order}/receipt.html",
        "receipt_html",
        receipt_html,
        "Show the receipt as a page",
        "text/html",
    ),
    document(
        "/orders/{order}/receipt.pdf",
        "receipt_pdf",
        receipt_pdf,
        "Show the receipt as a PDF file",
        "application/pdf",
        problems=(422,),
    ),
    post(
        "/orders/{order}/cancel",
        "cancel",
        cancel,
        "Cancel an order that is not paid",
        given=Nothing,
        told=told.OrderTold,
        problems=(*BY_USER, 409, 502),
    ),
    post(
        "/orders/{order}/confirm",
        "confirm",
        confirm,
        "Ask what became of an order",
        given=ConfirmInput,
        told=told.ConfirmationTold,
        problems=(*BY_USER, 409, 502),
    ),
    post(
        "/orders/{order}/request-refund",
        "request_refund",
        request_refund,
        "Ask for money back",
        given=RefundRequestInput,
        told=told.RefundRequestTold,
        problems=(*BY_USER, 409),
    ),
)

"""The shop, and views of the project's own."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from tests.conftest import RETURN
from tests.web.django_host.wiring import store


def buy(request: HttpRequest) -> HttpResponse:
    """Check out, in the transaction that ATOMIC_REQUESTS has begun."""
    buyer, product = request.GET["buyer"], request.GET["product"]
    checkout = store().orders.checkout(buyer, [product], return_url=RETURN)
    return JsonResponse({"url": checkout.url})


@transaction.non_atomic_requests
def buy_outside(request: HttpRequest) -> HttpResponse:
    """Check out, in no transaction."""
    return buy(request)


urlpatterns = [
    path("shop/", include("digistore.web.django.urls")),
    path("buy", buy),
    path("buy-outside", buy_outside),
]

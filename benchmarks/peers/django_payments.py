"""django-payments: a message of Stripe that a session was paid, through its own view."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from benchmarks.peers.django_ready import ready
from benchmarks.peers.signed import SECRET, event, signature
from benchmarks.peers.writing import Peer, measure
from benchmarks.runner import prepared, repeat

WORK = (
    "signature, SDK objects, payment found by its token, its status and the session kept; "
    "no order, no access, no outbox, events not deduplicated"
)


def peers(folder: Path) -> Sequence[tuple[str, str, Peer]]:
    """Open its view of static callbacks."""
    given = {"api_key": "sk_test_NeverSent", "secure_endpoint": True, "endpoint_secret": SECRET}
    ready(
        folder,
        ["payments", "benchmarks.peers.paying"],
        PAYMENT_HOST="shop.example",
        PAYMENT_MODEL="paying.Payment",
        PAYMENT_VARIANTS={"stripe": ("payments.stripe.StripeProviderV3", given)},
        ROOT_URLCONF="payments.urls",
    )
    from django.test import RequestFactory  # noqa: PLC0415  once Django is ready
    from payments.urls import static_callback  # noqa: PLC0415

    from benchmarks.peers.paying.models import Payment  # noqa: PLC0415

    requests, numbers = RequestFactory(), count()

    def messages(many: int) -> list[object]:
        found: list[object] = []
        for number in (next(numbers) for _ in range(many)):
            payment = Payment.objects.create(variant="stripe", currency="USD", total=29)
            session = {
                "id": f"cs_{number}",
                "object": "checkout.session",
                "status": "complete",
                "payment_status": "paid",
                "client_reference_id": payment.token,
            }
            body = event(str(number), "checkout.session.completed", session)
            header = {"STRIPE_SIGNATURE": signature(body)}
            found.append(requests.post("/", body, content_type="application/json", headers=header))
        return found

    def take(request: object) -> None:
        if static_callback(request, "stripe").status_code != 200:  # noqa: PLR2004
            raise AssertionError

    [again] = messages(1)
    take(again)
    if Payment.objects.get().status != "confirmed":
        raise AssertionError
    return [
        ("c", "webhook", (prepared(messages, take), WORK)),
        ("d", "webhook", (repeat(lambda: take(again)), "the same work once more")),
    ]


if __name__ == "__main__":
    measure("django-payments", peers)

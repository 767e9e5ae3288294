from tests.conftest import Shop


def test_first(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    assert shop.store.entitlements.check(shop.buyer, book)

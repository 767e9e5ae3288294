"""A FastAPI app with a shop: ``uvicorn --factory fastapi_app:create_app``, then see /docs."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from digistore import SYSTEM, AsyncStore, HostUser, Money
from digistore.gateways.sandbox import SandboxGateway
from digistore.web.fastapi import digistore_router

PASSWORDS = {"ann": "correct horse", "bob": "battery staple"}  # your app knows its users better
Given = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]


async def current_user(given: Given) -> HostUser | None:
    """Return who is signed in; a dependency as any other."""
    if given is None:
        return None
    expected = PASSWORDS.get(given.username, "")
    known = secrets.compare_digest(given.password.encode(), expected.encode())
    return HostUser(given.username) if expected and known else None


CurrentUser = Annotated[HostUser | None, Depends(current_user)]


async def fill_shelf(store: AsyncStore) -> None:
    """Put a book on sale, if there is none."""
    await store.migrate()
    if not (await store.catalog.find(None)).items:
        book = await store.catalog.add_product(
            SYSTEM, title="Async Python", price=Money("29.00", "USD")
        )
        files = {"book.txt": b"First edition.\n"}
        await store.catalog.release(SYSTEM, book, version="1.0", files=files)
        await store.catalog.put_on_sale(SYSTEM, book)


def create_app() -> FastAPI:
    """Make the app; the shop's own pages and its JSON API are below /shop."""
    store = AsyncStore.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[SandboxGateway("sandbox.json")],
        secret="replace me by 32 random characters or more",
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with store:
            await fill_shelf(store)
            yield

    app = FastAPI(title="Books", lifespan=lifespan)
    app.include_router(digistore_router(store, user=current_user), prefix="/shop")

    @app.get("/")
    async def home(user: CurrentUser) -> list[dict[str, str]]:
        """Show what is on sale, and what this visitor can do with it."""
        shelf = []
        for product in await store.catalog.find(user):
            offer = await store.catalog.offer(user, product)
            shelf.append({"id": product.id, "title": product.title, "action": offer.action})
        return shelf

    return app

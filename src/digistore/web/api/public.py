"""What everybody may ask: what is sold, and what one could do with it."""

from __future__ import annotations

from digistore.web.api import outputs as told
from digistore.web.api.inputs import NoQuery, ProductsQuery
from digistore.web.api.operations import get
from digistore.web.messages import Request
from digistore.web.site import Site


async def categories(site: Site, request: Request, asked: NoQuery) -> object:
    """List all shelves."""
    return {"items": await site.services.catalog.categories(request.user)}


async def products(site: Site, request: Request, asked: ProductsQuery) -> object:
    """Find products on sale."""
    return await site.services.catalog.find(
        request.user,
        asked.text,
        category=asked.category,
        seller=asked.seller,
        sort=asked.sort,
        after=asked.after,
        limit=asked.limit,
    )


async def product(site: Site, request: Request, asked: NoQuery) -> object:
    """Show a product by id or slug."""
    return await site.services.catalog.product(request.user, request.params["product"])


async def offer(site: Site, request: Request, asked: NoQuery) -> object:
    """Say what this visitor can do with a product now."""
    return await site.services.catalog.offer(request.user, request.params["product"])


async def support_offers(site: Site, request: Request, asked: NoQuery) -> object:
    """Say what help with a product costs."""
    return {"items": await site.services.support.offers(request.user, request.params["product"])}


ROUTES = (
    get(
        "/categories",
        "categories",
        categories,
        "List all categories",
        asked=NoQuery,
        told=told.CategoriesTold,
        problems=(403,),
    ),
    get(
        "/products",
        "products",
        products,
        "Find products on sale",
        asked=ProductsQuery,
        told=told.ProductsTold,
        problems=(403, 404),
    ),
    get(
        "/products/{product}",
        "product",
        product,
        "Show a product by id or slug",
        asked=NoQuery,
        told=told.ProductTold,
        problems=(403,),
    ),
    get(
        "/products/{product}/offer",
        "offer",
        offer,
        "Say what this visitor can do with a product now",
        asked=NoQuery,
        told=told.OfferTold,
        problems=(403,),
    ),
    get(
        "/products/{product}/support-offers",
        "support_offers",
        support_offers,
        "Say what help with a product costs",
        asked=NoQuery,
        told=told.SupportOffersTold,
        problems=(403,),
    ),
)

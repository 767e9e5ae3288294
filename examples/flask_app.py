"""A Flask app with a shop: ``flask --app flask_app run``, then open http://127.0.0.1:5000/."""

from flask import Flask, redirect, render_template_string, request, session, url_for
from werkzeug.wrappers import Response

from digistore import SYSTEM, HostUser, Money, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.web.flask import Digistore

PAGE = """<!doctype html><html lang="en"><title>Books</title><h1>Books</h1>
{% if not user %}<form method="post" action="/login">
<label>Your name <input name="name" required></label> <button>Sign in</button></form>{% endif %}
{% for product, offer in shelf %}<form method="post" action="/buy/{{ product.slug }}">
<h2>{{ product.title }}, {{ product.price }}</h2>
{% if offer.action == "buy" %}<button>Buy</button>{% endif %}
{% if offer.action == "download" %}<a href="/fetch/{{ product.slug }}">Download</a>{% endif %}
</form>{% endfor %}"""


def current_user() -> HostUser | None:
    """Return who is signed in; your app knows that better."""
    return HostUser(session["name"]) if "name" in session else None


def open_store() -> Store:
    """Open the store, with one book on its shelf."""
    store = Store.open(
        "sqlite:///shop.db",
        files="file://./shop-files",
        gateways=[SandboxGateway("sandbox.json", page_url="/shop/sandbox")],
        secret="replace me by 32 random characters or more",
    )
    store.migrate()
    if not store.catalog.find(None).items:
        book = store.catalog.add_product(SYSTEM, title="Async Python", price=Money("29.00", "USD"))
        store.catalog.release(SYSTEM, book, version="1.0", files={"book.txt": b"First edition.\n"})
        store.catalog.put_on_sale(SYSTEM, book)
    return store


def create_app() -> Flask:
    """Make the app; the shop's own pages and its JSON API are below /shop."""
    app, store = Flask(__name__), open_store()
    app.secret_key = "replace me too"
    Digistore(app, store, user=current_user)

    @app.get("/")
    def home() -> str:
        user = current_user()
        shelf = [(one, store.catalog.offer(user, one)) for one in store.catalog.find(user)]
        return render_template_string(PAGE, user=user, shelf=shelf)

    @app.post("/login")
    def login() -> Response:
        session["name"] = request.form["name"]
        return redirect("/")

    @app.post("/buy/<slug>")
    def buy(slug: str) -> Response:
        back = url_for("digistore.return_page", reference="{reference}", _external=True)
        user = current_user()
        if user is None:
            return redirect("/")
        checkout = store.orders.checkout(user, [slug], return_url=back)
        return redirect(checkout.url or "/")

    @app.get("/fetch/<slug>")
    def fetch(slug: str) -> Response:
        user = current_user()
        if user is None:
            return redirect("/")
        link = store.downloads.link(user, slug)
        return redirect(url_for("digistore.download", token=link.token))

    return app

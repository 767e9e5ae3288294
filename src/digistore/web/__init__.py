"""One route table and one handler each, for every web framework.

It owns HTTP: paths, media types, statuses, pages. It decides nothing: a handler is one call of the
store by whoever the host says is asking, and an adapter has three duties: hold the store, translate
the request (user, raw body, headers), translate the answer. Each framework is imported in its own
module alone.
"""

from digistore.web.pages import PageTexts
from digistore.web.site import WebSettings

__all__ = ["PageTexts", "WebSettings"]

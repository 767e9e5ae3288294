"""Django: an app with URLs, views and a command; put it into ``INSTALLED_APPS`` by this name.

``DIGISTORE = {"store": "shop.wiring.store"}`` names your store, or a function that returns it;
``"user"`` and ``"settings"`` may name a function of the request and a ``WebSettings``.
"""

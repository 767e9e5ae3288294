"""SQLite in memory, or the PostgreSQL that ``DIGISTORE_TEST_POSTGRES`` names."""

from __future__ import annotations

import os

from sqlalchemy import make_url


def _database() -> dict[str, object]:
    if os.environ["HOST_DATABASE"] == "sqlite":
        file = os.environ.get("HOST_NAME", ":memory:")
        # IMMEDIATE: a transaction that began by reading could not always go on to write.
        options = {"transaction_mode": "IMMEDIATE"}
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": options}
    url = make_url(os.environ["DIGISTORE_TEST_POSTGRES"])
    name = os.environ.get("HOST_NAME", url.database)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.query.get("host", url.host),
        "PORT": url.port,
        "TEST": {"NAME": f"test_django_{os.getpid()}"},
    }


SECRET_KEY = "not a secret"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.web.django_host.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "digistore.web.django"]
DATABASES = {
    "default": {**_database(), "ATOMIC_REQUESTS": True},
    "neither": {"ENGINE": "django.db.backends.dummy"},
}
DIGISTORE = {
    "store": "tests.web.django_host.wiring.store",
    "user": "tests.web.django_host.wiring.user",
}

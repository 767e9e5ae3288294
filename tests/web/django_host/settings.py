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


def _again(**given: object) -> dict[str, object]:
    return {**_database(), "TEST": {"MIRROR": "default"}, **given}


class OnlyTheShop:
    """A router: the shop's tables are in a database that has no others."""

    def allow_migrate(self, db: str, app_label: str, **_: object) -> bool:
        """Say whether the tables of *app_label* are in *db*."""
        return (db == os.environ["HOST_ALIAS"]) == (app_label == "digistore")


SECRET_KEY = "not a secret"
USE_TZ = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "tests.web.django_host.urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "digistore.web.django"]
DATABASES = {
    "default": {**_database(), "ATOMIC_REQUESTS": True},
    "neither": {"ENGINE": "django.db.backends.dummy"},
    # The same database, by connections of another kind.
    "kept": _again(CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=True),
    "by_hand": _again(AUTOCOMMIT=False),
}
if os.environ["HOST_DATABASE"] == "postgresql":
    pool = {"min_size": 1, "max_size": 2, "timeout": 10}
    DATABASES["pooled"] = _again(OPTIONS={"pool": pool}, CONN_HEALTH_CHECKS=True)
if alias := os.environ.get("HOST_ALIAS"):  # where the shop alone is
    DATABASES[alias] = {**_database(), "NAME": os.environ["HOST_ALIAS_NAME"]}
    DATABASE_ROUTERS = ["tests.web.django_host.settings.OnlyTheShop"]
DIGISTORE = {
    "store": "tests.web.django_host.wiring.store",
    "user": "tests.web.django_host.wiring.user",
}

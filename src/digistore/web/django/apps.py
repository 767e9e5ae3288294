"""The app, and the check of its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core import checks

from digistore.errors import ConfigError
from digistore.web.django.configured import site_of_settings


class DigistoreConfig(AppConfig):
    """What Django knows the app by."""

    name = "digistore.web.django"
    label = "digistore"
    verbose_name = "digistore"

    def ready(self) -> None:
        """Have ``manage.py check`` look at the settings."""
        checks.register(check_settings)


def check_settings(
    app_configs: Sequence[AppConfig] | None,
    **_: Any,  # noqa: ANN401  whatever Django adds
) -> list[checks.CheckMessage]:
    """Say what is wrong with ``DIGISTORE``, if anything is."""
    try:
        site_of_settings()
    except ConfigError as error:
        return [checks.Error(str(error), id="digistore.E001")]
    return []

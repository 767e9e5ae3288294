"""The bots that a public list knows, for ``Settings(bot_classifier=KnownCrawlers())``."""

from __future__ import annotations

from importlib.util import find_spec

from digistore.blocking import offload
from digistore.errors import ConfigError


class KnownCrawlers:
    """Flags what crawler-user-agents (https://github.com/monperrus/crawler-user-agents) knows.

    It looks at each agent once, in ``roll_up``, never while a visitor waits.
    """

    def __init__(self) -> None:
        """Read the list.

        Raises:
            ConfigError: the extra ``bots`` is not installed.
        """
        if find_spec("crawleruseragents") is None:
            raise ConfigError("KnownCrawlers needs its list: pip install 'digistore[bots]'")
        from crawleruseragents import is_crawler  # noqa: PLC0415  only who asks for it pays

        self._is_crawler = is_crawler

    async def is_bot(self, agent: str) -> bool:
        """Say whether *agent* is on the list."""
        return bool(await offload(self._is_crawler, agent))

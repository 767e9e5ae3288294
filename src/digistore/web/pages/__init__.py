"""Our few pages: whole without a script, readable by everybody, in the host's own words.

It owns their texts and their markup. It must never show who somebody is: buyers come back logged
out, and on other people's devices.
"""

from digistore.web.pages.texts import PageTexts

__all__ = ["PageTexts"]

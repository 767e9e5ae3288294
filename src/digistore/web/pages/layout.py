"""The frame of every page: one heading, one main part, nothing loaded from anywhere.

WCAG 2.2, level AA: the language is named, text stands at 7:1 and controls at 4.5:1 or more, what
has the focus is seen, targets are 44 pixels high, and the page reads well at 320 pixels.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from digistore.web.messages import QUIET, Response
from digistore.web.pages.texts import PageTexts

_STYLE = (
    "body{background:#fff;color:#1a1a1a;font:1.125rem/1.5 system-ui,sans-serif;margin:0 auto;"
    "max-width:36rem;overflow-wrap:anywhere;padding:1.5rem}"
    "h1{font-size:1.75rem;line-height:1.25}"
    "a{color:#0b3d91}"
    "dl{display:grid;gap:.25rem 1rem;grid-template-columns:max-content 1fr}"
    "dt{font-weight:600}dd{margin:0}"
    "label{display:block;font-weight:600}"
    "input,button{border:2px solid #1a1a1a;border-radius:.25rem;box-sizing:border-box;font:inherit;"
    "min-height:2.75rem;padding:.5rem 1rem;width:100%}"
    "button{background:#0b3d91;border-color:#0b3d91;color:#fff;cursor:pointer;margin-top:.75rem}"
    "a:focus-visible,input:focus-visible,button:focus-visible{outline:3px solid #b35900;"
    "outline-offset:3px}"
    ".error{border-inline-start:.375rem solid #a30000;color:#a30000;padding-inline-start:.75rem}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# No form-action: browsers apply it to where a form's answer leads on to as well.
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"


def page(texts: PageTexts, title: str, parts: Iterable[str], status: int = 200) -> Response:
    """Answer with a whole page; *parts* are markup, *title* is text."""
    document = (
        f'<!doctype html>\n<html lang="{escape(texts.lang)}" dir="{texts.direction}">\n<head>\n'
        '<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(title)}</h1>\n" + "\n".join(parts) + "\n</main>\n</body>\n</html>\n"
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": _POLICY,
        **QUIET,
    }
    return Response(status, headers, document.encode())


def paragraph(text: str) -> str:
    """Mark a paragraph up."""
    return f"<p>{escape(text)}</p>"


def error(text: str, name: str) -> str:
    """Mark up what went wrong, to be read out at once; the field in question points at *name*."""
    return f'<p class="error" role="alert" id="{escape(name)}">{escape(text)}</p>'


def link(text: str, url: str) -> str:
    """Mark a link up; *url* is the host's or ours."""
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def facts(pairs: Mapping[str, str]) -> str:
    """Mark up words and what they stand for."""
    inside = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items())
    return f"<dl>{inside}</dl>"


def form(fields: Mapping[str, str], inside: Iterable[str]) -> str:
    """Mark up a form that posts to its own address, with hidden *fields*."""
    hidden = (
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return '<form method="post">\n' + "\n".join([*hidden, *inside]) + "\n</form>"


def button(text: str, name: str = "", value: str = "") -> str:
    """Mark up a button that sends its form."""
    named = f' name="{escape(name)}" value="{escape(value)}"' if name else ""
    return f'<button type="submit"{named}>{escape(text)}</button>'


def password_field(text: str, name: str, about: str = "") -> str:
    """Mark up a labelled field for a password; *about* is the id of what is wrong with it."""
    wrong = f' aria-invalid="true" aria-describedby="{escape(about)}"' if about else ""
    return (
        f'<label for="{name}">{escape(text)}</label>'
        f'<input id="{name}" name="{name}" type="password" required'
        f' autocomplete="current-password"{wrong}>'
    )

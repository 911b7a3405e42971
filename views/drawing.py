"""Drawing that need not be done again for each page: icons and addresses of files become text when a template is
compiled, and parts that are the same for everybody are kept.

Does not belong here: anything that the database answered, or that belongs to one request or person.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from flask import Flask, current_app
from jinja2.ext import Extension
from markupsafe import Markup

from views.headers import asset

_CONSTANT = re.compile(r"\{\{ (icon|asset)\('([\w./-]+)'\) \}\}")


class Constants(Extension):
    """`{{ icon('plus') }}` and `{{ asset('console.css') }}` as text: a page shows eighty of them."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        return _CONSTANT.sub(lambda found: str(_MADE[found[1]](found[2])), source)


@lru_cache(maxsize=500)
def icon(name: str) -> Markup:
    """An icon of the sprite; decorative, so hidden from screen readers."""
    return Markup('<svg class=i aria-hidden=true><use href="{}#{}"/></svg>').format(asset("icons.svg"), name)


_MADE = {"icon": icon, "asset": asset}


def init(app: Flask) -> None:
    app.jinja_env.globals.update(icon=icon, drawn=drawn)
    app.jinja_env.add_extension(Constants)


@lru_cache(maxsize=4000)
def drawn(template: str, macro: str, *items: Any) -> Markup:
    """What a macro makes of items that many pages share, such as a menu; drawn once for the same items."""
    made = getattr(current_app.jinja_env.get_template(template).module, macro)(*items)
    return Markup(made)  # noqa: S704  a template's own output

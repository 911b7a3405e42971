"""Templates in the reader's language at no cost: constant texts are translated when a template is compiled, once for
each language.

`{{ _("Save") }}` is plain text in the compiled template; only texts with values are put together on each page. Belongs
here: the environment of templates and what it offers them. Does not belong here: the texts (`models.words`) and whose
language it is (`views.languages`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask
from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from models import formats, words

Made = TypeVar("Made")
_SCRIPTS = Path(__file__).resolve().parent.parent / "app" / "static"
_SAID = re.compile(r'\bt\("([^"\\]+)"')
_CALLS = frozenset({"_", "_c", "_m", "language"})


class Templates(Environment):
    """The templates of one language; the application's own hands each page on to the one that is spoken."""

    language = ""

    def get_template(self, name: Any, parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        return super(Templates, self._spoken()).get_template(name, parent, globals)

    def select_template(self, names: Iterable[Any], parent: str | None = None, globals: Any = None) -> Template:  # noqa: A002
        return super(Templates, self._spoken()).select_template(names, parent, globals)

    def _spoken(self) -> Templates:
        language = words.code()
        if self.language or language == words.ENGLISH:
            return self
        known: dict[str, Templates] = self.__dict__.setdefault("in_other_languages", {})
        if language not in known:
            made: Any = self.overlay()
            made.language = language
            known[language] = made
        return known[language]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        folded: nodes.Template = _Folder(self.language or words.ENGLISH).visit(tree)
        return folded


def as_written(app: Flask, source: str) -> nodes.Template:
    """A template's tree with its marks still in it, for those who collect them."""
    return Environment._parse(app.jinja_env, source, None, None)


def use(app: Flask) -> None:
    """Have the application make its templates so; comes before anything asks for its environment."""
    app.jinja_environment = Templates


def init(app: Flask) -> None:
    """Offer the marks to templates; comes after libraries that bring marks of their own."""
    app.jinja_env.globals.update(
        _=words._,
        _n=words._n,
        _c=words._c,
        _m=_with_markup,
        N_=words.N_,
        grouped=words.grouped,
        language=words.code,
        script_words=script_words,
        date=formats.date,
        long_date=formats.long_date,
    )


@lru_cache(maxsize=1)
def script_texts() -> tuple[str, ...]:
    """The texts that our scripts say with `t("…")`."""
    scripts = sorted(_SCRIPTS.rglob("*.js"))
    found = (_SAID.findall(path.read_text()) for path in scripts if "vendor" not in path.parts)
    return tuple(sorted({text for texts in found for text in texts}))


def kept_by_language(most: int) -> Callable[[Callable[..., Made]], Callable[..., Made]]:
    """Remember what a function makes of its arguments, apart for each language."""

    def decorate(function: Callable[..., Made]) -> Callable[..., Made]:
        @lru_cache(maxsize=most)
        def kept(_language: str, *items: Any) -> Made:
            return function(*items)

        @wraps(function)
        def asked(*items: Any) -> Made:
            return kept(words.code(), *items)

        return asked

    return decorate


@kept_by_language(20)
def script_words() -> Markup:
    """The texts of the scripts in the language of the page, as JSON; nothing where it is English."""
    if words.code() == words.ENGLISH:
        return Markup()
    known = json.dumps({text: words._(text) for text in script_texts()}, ensure_ascii=False)
    return Markup(known.replace("<", "\\u003c"))  # noqa: S704  JSON whose only sign of markup is escaped


def _with_markup(text: str, /, **values: Any) -> Markup:
    """A text that holds markup of its own; the values are escaped."""
    return Markup(words._(text)).format(**values)  # noqa: S704  a text of the product, checked by the catalog's test


class _Folder(NodeTransformer):
    """Puts the translation in the place of each call of a mark with a constant text."""

    def __init__(self, language: str) -> None:
        self.language = language

    def visit_Output(self, node: nodes.Output) -> nodes.Output:
        """A text on its own is part of the page from the start, escaped as far as it must be in text and attributes."""
        for place, child in enumerate(node.nodes):
            found = self._constant(child)
            if found is not None:
                node.nodes[place] = nodes.TemplateData(found, lineno=child.lineno)
        self.generic_visit(node)
        return node

    def visit_Call(self, node: nodes.Call) -> nodes.Expr:
        self.generic_visit(node)
        if isinstance(node.node, nodes.Name) and node.node.name in ("_", "_c") and not node.kwargs:
            texts = _texts(node)
            if texts is not None:
                return nodes.Const(self._translated(texts), lineno=node.lineno)
        return node

    def _constant(self, node: nodes.Node) -> str | None:
        if not (isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _CALLS):
            return None
        if node.node.name == "language":
            return self.language.replace("_", "-")
        texts = None if node.kwargs else _texts(node)
        if texts is None:
            return None
        plain = self._translated(texts)
        if node.node.name == "_m":
            return plain
        return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&#34;")

    def _translated(self, texts: list[str]) -> str:
        if self.language == words.ENGLISH:
            return texts[-1]
        return words.catalog_of(self.language).text(texts[-1], texts[0] if len(texts) == 2 else "")


def _texts(call: nodes.Call) -> list[str] | None:
    """The constant texts that a mark is called with; None where one is worked out."""
    found = [one.value for one in call.args if isinstance(one, nodes.Const) and isinstance(one.value, str)]
    return found if found and len(found) == len(call.args) else None

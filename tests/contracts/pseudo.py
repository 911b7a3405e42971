"""A language for tests alone: every marked text stands in brackets with strange letters, so that whatever is shown
outside of brackets was not marked, or is data.

`visible(html)` gives the texts that a reader sees or hears outside of brackets; `foreign(texts, data)` those of them
that are no data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import sqlalchemy as sa

from models import words
from models.base import Model, db

CODE = "en_XA"
_OPEN, _CLOSE = "⟦", "⟧"
_STRANGE = str.maketrans("aeiouyAEIOUY", "áéíóúýÁÉÍÓÚÝ")
_KEPT = re.compile(r"\{\{+.*?\}\}+|\{[^{}]*\}|<[^<>]*>|%\(\w+\)s|&\w+;")
# What is never translated, with the reason that each line gives.
_SILENT = frozenset({"script", "style", "code", "pre", "kbd", "textarea", "template"})  # programs, keys, typed texts
_SPOKEN = ("placeholder", "title", "aria-label", "alt", "aria-description", "summary")
_CONTINENTS = "(?:America|Europe|Asia|Africa|Australia|Pacific|Atlantic|Indian|Etc)"
_ALLOWED = (
    r"English|Español",  # languages by their own names
    r"CSV|XLSX|JSON|PDF|URL|API|SHA-256|vCard|PNG|JPEG|WebP|UTC|[A-Z]{3,4}T|GMT[+-]?\d*|[A-Z]{1,3}",  # formats, zones
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*",  # CLDR
    r"[\w.+-]+@[\w.-]+|https?://\S+|(?:[\w-]+\.)+[\w-]+\S*|/\S*",  # addresses
    r"x_\w+|rec_\w*…?|[a-z]+_[a-z_]+|[a-z_]+\.[a-z_.]+|[a-z_]+:[a-z_*]+",  # names in the API, codes of the audit log
    r"[0-9a-f]{4,}…?[0-9a-f]*|[a-z0-9-]{20,}",  # fingerprints, request ids
    r"Test|Chrome|Firefox|Safari|Edge|Linux|macOS|Windows|Android",
)
_PHRASES = re.compile(rf"Real Estate CRM Pro|{_CONTINENTS}/[\w -]+(?:/[\w -]+)*")
_FINE = re.compile("|".join(f"(?:{one})" for one in _ALLOWED))
_APART = re.compile(r"[\s,;:·/()“”\"'.!?…#|→←↑↓+–-]*(?:\s|$)[\s,;:·/()“”\"'.!?…#|→←↑↓+–-]*|[·|“”()→←↑↓]+")


class _Forms(dict[str, tuple[str, ...]]):
    """Every text that follows a number is known."""

    def __contains__(self, _many: object) -> bool:
        return True

    def __missing__(self, many: str) -> tuple[str, ...]:
        return (strange(many),) * 2


@dataclass(frozen=True, slots=True)
class Pseudo(words.Catalog):
    code: str = CODE
    texts: Any = field(default_factory=dict)
    forms: Any = field(default_factory=_Forms)

    def text(self, text: str, context: str = "") -> str:
        return strange(text)


def strange(text: str) -> str:
    """The words of the text in brackets, their vowels with accents; what stands in its places stays outside."""
    parts, at = [], 0
    for kept in _KEPT.finditer(text):
        parts += (_marked(text[at : kept.start()]), kept.group())
        at = kept.end()
    return "".join(parts) + _marked(text[at:])


def _marked(words_: str) -> str:
    return f"{_OPEN}{words_.translate(_STRANGE)}{_CLOSE}" if words_.strip() else words_


class _Reader(HTMLParser):
    """Collects (where, text) outside of brackets; brackets may open in one element and close in another."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.inside: list[str] = []
        self.deep = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in _SILENT or given.get("translate") == "no":
            self.inside.append(tag)
        spoken = [n for n in _SPOKEN if given.get(n)]
        if tag == "input" and given.get("type") in ("submit", "button"):
            spoken.append("value")
        for name in spoken:
            self.found += [(f"{tag}[{name}]", text) for text in _outside(given[name] or "")[0]]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data: str) -> None:
        if not self.inside:
            texts, self.deep = _outside(data, self.deep)
            self.found += [("text", text) for text in texts]


def _outside(text: str, deep: int = 0) -> tuple[list[str], int]:
    """The parts of a text outside of brackets, and how deep in brackets it ends."""
    parts, now = [], ""
    for sign in text:
        if sign == _OPEN:
            deep += 1
            parts, now = ([*parts, now], "") if deep == 1 else (parts, now)
        elif sign == _CLOSE:
            deep = max(0, deep - 1)
        elif not deep:
            now += sign
    return [one.strip() for one in [*parts, now] if re.search(r"[^\W\d_]{2,}", one)], deep


def visible(html: str) -> list[tuple[str, str]]:
    """What a page shows outside of brackets, as (element or "text", text)."""
    reader = _Reader()
    reader.feed(html)
    return reader.found


def foreign(shown: Iterable[tuple[str, str]], data: set[str]) -> list[str]:
    """Texts that are neither data nor on the list of what is never translated."""
    found = []
    for where, text in shown:
        plain = " ".join(text.split())
        if not _is_data(plain, data):
            found.append(f"{where}: {plain[:100]}")
    return found


def _is_data(text: str, data: set[str]) -> bool:
    if text in data or any(value.startswith(text.rstrip("…")) for value in data if len(text) > 40):
        return True
    rest = _PHRASES.sub(" ", text)
    for value in sorted((v for v in data if v in text), key=len, reverse=True):
        rest = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", " ", rest)
    left = [part for part in _APART.split(rest) if part and re.search(r"[^\W\d_]{2,}", part)]
    return all(_FINE.fullmatch(part.strip(".,:;!?…()“”'\"")) for part in left) or bool(_FINE.fullmatch(text))


def data() -> set[str]:
    """Every text in the database, whole."""
    found = {" ".join(text.split()) for text in _texts() if len(text.strip()) > 1}
    return found | {text.replace(".", " ").replace("_", " ") for text in found}


def _texts() -> Iterator[str]:
    with db.engine.connect() as connection:
        for table in Model.metadata.sorted_tables:
            for row in connection.execute(sa.select(table)):
                for value in row:
                    yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from (line for line in value.splitlines() if len(line) > 1)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _strings(one)

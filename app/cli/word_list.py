"""Every text of the product that can be translated, collected from where it stands: marked texts of the code and the
templates, and the words of fields, screens and verbs, which need no mark.

Does not belong here: writing catalogs (`app.cli.words`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from flask import Flask
from jinja2 import nodes

from app import permissions
from app.services import verbs
from models import ai, job, registry, words
from models.fields import Field
from models.policy import Category, Erase, Purpose, SubjectKind
from views import translated
from views.screen import screens

ROOT = Path(words.__file__).resolve().parent.parent
PACKAGES = ("models", "app", "views", "jobs", "public_site")
# What a mark is called with: the places of the context, the text and the text for many.
_MARKS = {"_": (None, 0, None), "N_": (1, 0, None), "_n": (None, 0, 1), "_c": (0, 1, None), "_m": (None, 0, None)}


class Message(NamedTuple):
    """A text to translate, with where it stands."""

    text: str
    many: str
    context: str
    place: str


class Unmarked(RuntimeError):
    """A mark is called with a text that is put together, which no catalog can hold."""


def collect(app: Flask) -> list[Message]:
    """Every message once, in alphabetical order."""
    found = [*in_code(), *in_templates(app), *in_registry(), *in_scripts()]
    first: dict[tuple[str, str], Message] = {}
    for message in found:
        first.setdefault((message.context, message.text), message)
    return sorted(first.values(), key=lambda m: (m.text.casefold(), m.text, m.context))


def in_code() -> Iterator[Message]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = str(path.relative_to(ROOT))
            for node in ast.walk(ast.parse(path.read_text(), place)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS:
                    given = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
                    yield from _message(node.func.id, given, f"{place}:{node.lineno}")


def in_templates(app: Flask) -> Iterator[Message]:
    for folder in ("views/templates", "public_site/templates"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            place = str(path.relative_to(ROOT))
            for node in translated.as_written(app, path.read_text()).find_all(nodes.Call):
                if isinstance(node.node, nodes.Name) and node.node.name in _MARKS:
                    given = [one.value if isinstance(one, nodes.Const) else None for one in node.args]
                    yield from _message(node.node.name, given, f"{place}:{node.lineno}")


def in_scripts() -> Iterator[Message]:
    yield from _plain(translated.script_texts(), "app/static/js")


def in_registry() -> Iterator[Message]:
    """The words of fields, screens and verbs, and the closed lists of the data map."""
    for model in registry.models():
        for one in registry.fields(model).values():
            yield from _of_field(one, "models")
    for spec in screens().values():
        sections = (section.title for section in spec.sections)
        tabs = (label for label, _query in spec.views)
        yield from _plain((spec.label, spec.singular, spec.group, spec.hint, *sections, *tabs), "views/screens")
        for act in verbs.of(spec.entity).values():
            yield from _plain((act.label, act.done), "app/services")
            for asked in act.asks.values():
                yield from _of_field(asked, "app/services")
    yield from _plain([name.replace("_", " ") for name in registry.entities()], "models")
    yield from _plain(
        [one.value for kind in (Category, Purpose, SubjectKind, Erase) for one in kind], "models/policy.py"
    )
    yield from _held()


def _held() -> Iterator[Message]:
    """Words of closed lists that are shown as they are kept, with a capital letter in filters."""
    holds = {model.policy.hold for model in registry.models() if "policy" in vars(model)} - {None}
    yield from _plain(sorted(map(str, holds)), "models")
    states = (*job.STATES, *ai.OUTCOMES, *permissions.ACTIONS)
    yield from _plain(states, "models")
    capital = (*job.STATES, *ai.OUTCOMES, *(purpose.value for purpose in Purpose))
    yield from _plain([text[:1].upper() + text[1:] for text in capital], "models")
    yield Message("{n} day", "{n} days", "", "models/policy.py")
    yield Message("{n} year", "{n} years", "", "models/policy.py")


def _of_field(one: Field, place: str) -> Iterator[Message]:
    own = dict(words.LANGUAGES)
    yield from _plain((one.label, one.hint, *(label for key, label in one.choices if key not in own)), place)


def _plain(texts: Iterable[str], place: str) -> Iterator[Message]:
    for text in texts:
        # What holds no letter, as the times of a day, is the same in every language.
        if any(char.isalpha() for char in text):
            yield Message(str.__str__(text), "", getattr(text, "context", ""), place)


def _message(mark: str, given: Sequence[object], place: str) -> Iterator[Message]:
    context, text, many = (given[at] if at is not None and at < len(given) else "" for at in _MARKS[mark])
    if not (isinstance(text, str) and isinstance(many, str) and isinstance(context, str)):
        if mark == "N_":
            return
        raise Unmarked(f"{place}: {mark}() needs its text written out whole.")
    if text:
        yield Message(text, many, context, place.rpartition(":")[0])

"""The sections of a form and a record page: those of the screen, with the fields that the workspace added in their
places, and without those that the viewer's role does not see.

Does not belong here: drawing a field (`views.forms`, `views.record_page`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.services import filters, kept, layouts, schema, values
from models import registry
from models.fields import Field
from models.words import N_
from views import shell
from views.screen import Screen, Section

# Where fields stand that no section names.
_REST = "More"


def sections(screen: Screen) -> tuple[Section, ...]:
    """An added field stands at the end of the section that its definition names, or in a section of its own."""
    return kept.derived(("sections", screen.model), lambda: _sections(screen))


def _sections(screen: Screen) -> tuple[Section, ...]:
    seen = schema.fields(screen.model)
    if seen is registry.fields(screen.model):
        return screen.sections
    added: dict[str, list[str]] = {}
    for name, one in schema.added(screen.model).items():
        added.setdefault(one.section, []).append(name)
    links = filters.links(screen.model)
    laid_out = layouts.sections(screen.entity)
    if laid_out:
        return _laid_out(screen, laid_out, seen)
    found = []
    for section in screen.sections:
        names = (*(n for n in section.fields if n in seen or n in links), *added.pop(section.title, ()))
        if names or section.children:
            found.append(Section(section.title, names, section.children))
    return (*found, *(Section(spoken(screen, title), tuple(names)) for title, names in added.items()))


def _laid_out(
    screen: Screen, wanted: Sequence[tuple[str, Sequence[str]]], seen: Mapping[str, Field]
) -> tuple[Section, ...]:
    """The sections as the brokerage laid them out. Child rows stay with the first field of their own section; what the
    layout does not name, a field added since among them, stands at the end, so that nothing is out of reach.
    """
    links = filters.links(screen.model)
    named = {name for _, names in wanted for name in names}
    rest = [n for s in screen.sections for n in s.fields if n not in named]
    rest += [n for n in schema.added(screen.model) if n not in named and n not in rest]
    homes = {s.fields[0]: s.children for s in screen.sections if s.fields and s.children}
    found = []
    for title, names in (*wanted, (_REST, rest)):
        shown = tuple(n for n in names if n in seen or n in links)
        children = tuple(child for first in names for child in homes.get(first, ()))
        if shown or children:
            found.append(Section(spoken(screen, title), shown, children))
    return tuple(found)


def spoken(screen: Screen, title: str) -> str:
    """A section's title as the reader reads it: those of the product are translated, those of the brokerage are not."""
    return next((one.title for one in screen.sections if one.title == title), N_(_REST) if title == _REST else title)


def as_kept(screen: Screen, typed: str) -> str:
    """A title as it is kept, of what a person typed who reads the product's own titles in their language."""
    known = {str(title): str.__str__(title) for title in (*(s.title for s in screen.sections), N_(_REST))}
    return known.get(typed, typed)


def misses(screen: Screen, name: str, texts: Mapping[str, str]) -> bool:
    """Whether what a form holds misses the condition under which it shows a field."""
    known = schema.fields(screen.model)

    def value_of(other: str) -> Any:
        try:
            return values.from_text(known[other], texts.get(other, ""), shell.locale())
        except (KeyError, ValueError):
            return None

    return layouts.hides(screen.model, name, value_of)


def is_shown(screen: Screen, name: str, record: Any) -> bool:
    """Whether a record page shows a field."""
    return not layouts.hides(screen.model, name, lambda other: schema.value(record, other))


def fields(screen: Screen) -> tuple[str, ...]:
    """The fields of the form that a person may set, without its links."""
    return kept.derived(("fields of the form", screen.model), lambda: _fields(screen))


def _fields(screen: Screen) -> tuple[str, ...]:
    known, links = schema.writable(screen.model), filters.links(screen.model)
    return tuple(n for section in sections(screen) for n in section.fields if n in known and n not in links)

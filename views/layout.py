"""The sections of a form and a record page: those of the screen, with the fields that the workspace added in their
places.

Does not belong here: drawing a field (`views.forms`, `views.record_page`).
"""

from __future__ import annotations

from app.services import filters, schema
from views.screen import Screen, Section


def sections(screen: Screen) -> tuple[Section, ...]:
    """An added field stands at the end of the section that its definition names, or in a section of its own."""
    added: dict[str, list[str]] = {}
    for name, one in schema.added(screen.model).items():
        added.setdefault(one.section, []).append(name)
    if not added:
        return screen.sections
    known = [Section(s.title, (*s.fields, *added.pop(s.title, ())), s.children) for s in screen.sections]
    return (*known, *(Section(title, tuple(names)) for title, names in added.items()))


def fields(screen: Screen) -> tuple[str, ...]:
    """The fields of the form that a person may set, without its links."""
    known = schema.writable(screen.model)
    links = filters.links(screen.model)
    return tuple(n for section in sections(screen) for n in section.fields if n in known and n not in links)

"""The sections of a form and a record page: those of the screen, with the fields that the workspace added in their
places, and without those that the viewer's role does not see.

Does not belong here: drawing a field (`views.forms`, `views.record_page`).
"""

from __future__ import annotations

from app.services import filters, schema
from models import registry
from views.screen import Screen, Section


def sections(screen: Screen) -> tuple[Section, ...]:
    """An added field stands at the end of the section that its definition names, or in a section of its own."""
    seen = schema.fields(screen.model)
    if seen is registry.fields(screen.model):
        return screen.sections
    added: dict[str, list[str]] = {}
    for name, one in schema.added(screen.model).items():
        added.setdefault(one.section, []).append(name)
    links = filters.links(screen.model)
    found = []
    for section in screen.sections:
        names = (*(n for n in section.fields if n in seen or n in links), *added.pop(section.title, ()))
        if names or section.children:
            found.append(Section(section.title, names, section.children))
    return (*found, *(Section(title, tuple(names)) for title, names in added.items()))


def fields(screen: Screen) -> tuple[str, ...]:
    """The fields of the form that a person may set, without its links."""
    known = schema.writable(screen.model)
    links = filters.links(screen.model)
    return tuple(n for section in sections(screen) for n in section.fields if n in known and n not in links)

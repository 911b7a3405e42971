"""What a generated screen shows: columns, form, search. One `screen(...)` call per entity, in `views/screens/`.

Belongs here: the spec, its defaults and its checks. Does not belong here: drawing (`views.lists`, `views.forms`,
`views.record_page`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import permissions
from app.errors import NotFound
from app.services import filters, values, verbs
from models import registry
from models.fields import Kind
from models.scope import Actor
from models.words import N_, _, grouped

_HEAVY = frozenset({Kind.LONG_TEXT, Kind.JSON})


class BrokenScreen(RuntimeError):
    """A screen names something that does not exist; the start stops with the name."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a form. `children` names child entities that are edited as rows in it."""

    title: str
    fields: tuple[str, ...]
    children: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """The presentation rules of an entity; see `screen`."""

    model: type[Any]
    label: str
    singular: str
    slug: str
    icon: str
    group: str
    columns: tuple[str, ...]
    sections: tuple[Section, ...]
    search: tuple[str, ...]
    sort: str
    related: tuple[str, ...]
    hint: str
    avatars: bool
    quick: bool
    badge: str
    subtitle: tuple[str, ...]
    searchable: bool
    adds: bool
    edits: bool
    deletes: bool
    sub: str
    within: str
    views: tuple[tuple[str, str], ...]
    facts: tuple[str, ...]

    @property
    def entity(self) -> str:
        return str(self.model.__tablename__)

    @property
    def actions(self) -> tuple[verbs.Verb, ...]:
        """The verbs of the bulk bar beside delete, in order of registration."""
        return tuple(v for name, v in verbs.of(self.entity).items() if name != "delete" and (self.edits or not v.edits))

    def verb(self, name: str) -> verbs.Verb:
        """A verb of this screen; raises `NotFound` for any other."""
        found = verbs.find(self.entity, name)
        if found.edits and not self.edits:
            raise NotFound("There is no such action.")
        return found

    @property
    def title(self) -> str:
        return registry.title_of(self.model)

    @property
    def form_fields(self) -> tuple[str, ...]:
        return tuple(name for section in self.sections for name in section.fields)

    def url(self, record_id: int | None = None, page: str = "") -> str:
        """The address of the list, a record, or one of its pages."""
        base = f"/{self.slug}/"
        return base + page if record_id is None else f"{base}{record_id}{'/' + page if page else ''}"

    def picker(self, chosen: str = "") -> str:
        """Where to choose one; what stands beside the one chosen now comes first, as the stages of its pipeline."""
        return self.url(page="picker") + (f"?beside={chosen}" if self.within and values.whole(chosen) else "")

    @property
    def stands(self) -> bool:
        """Whether its records have pages that people go to; parts of another record are shown on its page."""
        return self.model.policy.parent is None

    @property
    def home(self) -> str:
        """Where the menu leads: the list, or the first of its views."""
        return self.url() + (f"?{self.views[0][1]}" if self.views and self.views[0][1] else "")

    def counted(self, number: int) -> str:
        """ "1 contact", "1,200 contacts"."""
        return _("{n} {records}", n=grouped(number), records=self.singular if number == 1 else self.label.lower())

    def can(self, actor: Actor, action: str) -> bool:
        return permissions.reach(actor, action, registry.permission_entity(self.model)) is not None

    def may_add(self, actor: Actor) -> bool:
        return self.adds and self.can(actor, "write")

    def may_edit(self, actor: Actor) -> bool:
        return self.edits and self.can(actor, "write")

    def may_delete(self, actor: Actor) -> bool:
        return self.deletes and self.can(actor, "delete")


_screens: dict[str, Screen] = {}


def screen(
    model: type[Any],
    *,
    label: str = "",
    singular: str = "",
    slug: str = "",
    icon: str = "file-text",
    group: str = "",
    columns: tuple[str, ...],
    form: tuple[Any, ...] = (),
    search: tuple[str, ...] = (),
    sort: str = "-id",
    related: tuple[str, ...] = (),
    hint: str = "",
    avatars: bool = False,
    quick: bool = False,
    badge: str = "",
    subtitle: tuple[str, ...] = (),
    searchable: bool = False,
    adds: bool = True,
    edits: bool = True,
    deletes: bool = True,
    sub: str = "",
    within: str = "",
    views: tuple[tuple[str, str], ...] = (),
    facts: tuple[str, ...] = (),
) -> Screen:
    """Register the screen of an entity.

    `columns` begins with the title; `form` is a tuple of ("Section", "field", ...) tuples, where "+entity" adds child
    rows;
    `related` names entities listed on the record page; `badge` is a choice or a relation shown beside the name;
    `facts` are shown on the record page beside what its form holds;
    `views` are tabs over the list as (label, query), of which the first is where the menu leads;
    `sub` the second line in pickers; `within` the field that a record shares with those it may be exchanged for;
    `group` the menu group (none: not in the menu); `searchable` puts it into the search over all records.
    """
    entity = str(model.__tablename__)
    sections = tuple(
        Section(
            N_(part[0]),
            tuple(n for n in part[1:] if not n.startswith("+")),
            tuple(n[1:] for n in part[1:] if n.startswith("+")),
        )
        for part in form or (("Details", *registry.writable(model)),)
    )
    singular = singular or entity.replace("_", " ")
    label = label or singular.capitalize() + "s"
    made = Screen(
        model,
        N_(label),
        N_(singular),
        slug or label.lower().replace(" ", "-"),
        icon,
        N_(group),
        columns,
        sections,
        search or (registry.title_of(model),),
        sort,
        related,
        N_(hint),
        avatars,
        quick,
        badge,
        subtitle,
        searchable,
        adds,
        edits,
        deletes,
        sub,
        within,
        tuple((N_(title), query) for title, query in views),
        facts,
    )
    _check(made)
    _screens[entity] = made
    return made


def screens() -> dict[str, Screen]:
    """All screens by entity, in order of registration (which is the order of the menu)."""
    return _screens


def of(entity: str) -> Screen:
    return _screens[entity]


def check() -> None:
    """Raise `BrokenScreen` for an entity without a screen, or a screen that relates others wrongly; when all are
    there."""
    for name in registry.entities():
        if name not in _screens:
            raise BrokenScreen(f"{name}: the entity has no screen; add one in views/screens/.")
    for made in _screens.values():
        for name in made.related:
            if not _refers(name, made.entity):
                raise BrokenScreen(f"{made.entity}: the screen relates “{name}”, which has no reference to it.")
        for name in (child for section in made.sections for child in section.children):
            if not _refers(name, made.entity) or registry.entity(name).policy.parent != made.entity:
                raise BrokenScreen(f"{made.entity}: the form holds rows of “{name}”, which is no child of it.")


def _refers(name: str, entity: str) -> bool:
    model = registry.entities().get(name)
    return model is not None and filters.reference(model, entity) is not None


def _check(made: Screen) -> None:
    known = registry.fields(made.model)
    linked = getattr(made.model, "links", {})
    for name in (
        *made.columns,
        *made.search,
        made.sort.removeprefix("-"),
        *made.subtitle,
        *made.facts,
        *filter(None, (made.badge, made.sub, made.within)),
    ):
        if name not in known and name != "id":
            raise BrokenScreen(f"{made.entity}: the screen names “{name}”, which is no field.")
    for name in made.form_fields:
        if name not in linked and (name not in known or known[name].readonly):
            raise BrokenScreen(f"{made.entity}: the form names “{name}”, which cannot be written.")
    if made.badge and known[made.badge].kind not in (Kind.CHOICE, Kind.RELATION):
        raise BrokenScreen(f"{made.entity}: the badge “{made.badge}” is no choice or relation.")
    for name in made.columns:
        if known[name].secret:
            raise BrokenScreen(f"{made.entity}: the column “{name}” is secret.")
        if known[name].kind in _HEAVY and name != made.title:
            raise BrokenScreen(f"{made.entity}: the column “{name}” is too heavy for a list.")

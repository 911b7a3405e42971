"""The view of a list as the URL says it: search, filters, sort, columns, place. Kept nowhere else.

Parameters: q, f (repeated, "field:op:values"), w (nested conditions, JSON), sort, cols (repeated), cursor, view (the id
of a saved view; with "~" behind it when the other parameters say how it was changed), and those of `views.arrangement`.
Does not belong here: drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from werkzeug.datastructures import MultiDict

from app.errors import Invalid, NotFound
from app.services import conditions, filters, layouts, queries, saved_views, schema, values
from app.services.conditions import Group
from app.services.queries import ListQuery
from app.services.schema import View
from models.fields import Field, Kind
from models.words import _
from views import arrangement, shell
from views.arrangement import Arrangement
from views.screen import Screen

PAGE = 50


@dataclass(frozen=True, slots=True)
class State:
    """The view as the URL says it. `broken` holds sentences about parts left out because they make no sense."""

    screen: Screen
    q: str
    filters: tuple[filters.Filter, ...]
    sort: str
    columns: tuple[str, ...]
    custom_columns: bool
    cursor: str
    broken: tuple[str, ...] = ()
    where: Group | None = None
    view: View | None = None
    look: Arrangement = arrangement.PLAIN

    def query(self, *, action: str = "read", limit: int = PAGE) -> ListQuery:
        return ListQuery(
            self.screen.model,
            self.columns,
            self.screen.search,
            self.q,
            self.filters,
            self.sort,
            self.cursor,
            limit,
            action,
            where=self.where,
        )

    def pairs(
        self, *, without: frozenset[str] = frozenset(), extra: tuple[tuple[str, str], ...] = ()
    ) -> list[tuple[str, str]]:
        """The parameters of this view, but q, cursor and those named."""
        loc = shell.locale()
        pairs = [("f", f.text(self.screen.model, loc)) for f in self.filters] if "f" not in without else []
        if self.where is not None and "w" not in without:
            pairs.append(("w", conditions.text(self.screen.model, self.where, loc)))
        if self.sort != sort_of(self.screen) and "sort" not in without:
            pairs.append(("sort", self.sort))
        if self.custom_columns and "cols" not in without:
            pairs += [("cols", c) for c in self.columns[1:]]
        pairs += [pair for pair in self.look.pairs() if pair[0] not in without]
        if self.view is not None and "view" not in without:
            pairs.append(("view", f"{self.view.id}~"))
        return [*pairs, *extra]

    def kept(self) -> str:
        """What a saved view keeps of it."""
        own = self.pairs(without=frozenset({"view", "month"}))
        return urlencode(([("q", self.q)] if self.q else []) + own)

    @property
    def changed(self) -> bool:
        """Whether what is shown is kept in no view as it is."""
        return self.view is None or self.kept() != self.view.query

    @property
    def tile_url(self) -> str:
        """Where a tile of these records is made: of the saved view as it is, or of what is asked here."""
        source = f"{self.screen.entity}/{self.view.id}" if self.view and not self.changed else self.screen.entity
        query = self.kept() if self.changed else ""
        return f"/dashboards/0/tiles/new?{urlencode({'source': source} | ({'query': query} if query else {}))}"

    def here(self, *, without: frozenset[str], extra: tuple[tuple[str, str], ...]) -> str:
        """This view with other parameters, as an address within the list's own page: a list holds many of them."""
        found = ([("q", self.q)] if self.q else []) + self.pairs(without=without, extra=extra)
        return f"?{urlencode(found)}" if found else self.screen.url()

    def url(self, pairs: list[tuple[str, str]], page: str = "") -> str:
        return self.screen.url(page=page) + (
            f"?{urlencode(([('q', self.q)] if self.q else []) + pairs)}" if pairs or self.q else ""
        )


def read_state(screen: Screen, args: Any) -> State:
    """The view from URL or form parameters. Wrong parts are left out and named, so that an old bookmark still works."""
    found: list[filters.Filter] = []
    broken: list[str] = []
    view, args = _of_view(screen, args, broken)
    where = None
    if args.get("w"):
        try:
            where = conditions.parse(screen.model, args["w"], shell.locale())
        except Invalid as error:
            broken += error.fields.values()
    for text in args.getlist("f"):
        try:
            found.append(filters.parse(screen.model, text, shell.locale()))
        except Invalid as error:
            broken += error.fields.values()
    # The menu's button comes after the hidden field of the present sort.
    sort = (args.getlist("sort") or [""])[-1] or sort_of(screen)
    if sort.removeprefix("-") not in queries.sortable(screen.model):
        broken.append(_("This list cannot be sorted by “{sort}”.", sort=sort[:60]))
        sort = sort_of(screen)
    allowed = columns_of(screen)
    custom = [c for c in args.getlist("cols") if c in allowed and c != screen.title][:12]
    columns = (screen.title, *custom) if custom else shown_columns(screen)
    look = arrangement.read(screen, args, broken)
    return State(
        screen,
        args.get("q", "")[:200].strip(),
        tuple(found),
        sort,
        columns,
        bool(custom),
        args.get("cursor", ""),
        tuple(broken),
        where,
        view,
        look,
    )


def _of_view(screen: Screen, args: Any, broken: list[str]) -> tuple[View | None, Any]:
    """The saved view that is open, and the parameters to read: its own, unless they were changed since."""
    text = (args.getlist("view") or [""])[-1]
    key = values.whole(text.removesuffix("~"))
    if key is None:
        return None, args
    try:
        view = saved_views.find(screen.entity, key, actor=shell.actor())
    except NotFound as error:
        broken.append(error.message)
        return None, args
    if text.endswith("~"):
        return view, args
    kept = MultiDict(parse_qsl(view.query))
    # What was typed into the search, and the place in the list, stand beside the view.
    for name in ("q", "cursor", "month"):
        if args.get(name):
            kept[name] = args[name]
    return view, kept


def shown_columns(screen: Screen) -> tuple[str, ...]:
    """The columns of the screen that the viewer's role sees."""
    known, laid_out = schema.fields(screen.model), layouts.in_force(screen.entity).get("columns")
    names = (screen.title, *(n for n in laid_out if n != screen.title)) if laid_out else screen.columns
    return tuple(name for name in names if name in known)


def sort_of(screen: Screen) -> str:
    """The order of the screen, or the newest first where the viewer's role does not see what it goes by."""
    return screen.sort if screen.sort.removeprefix("-") in queries.sortable(screen.model) else "-id"


def columns_of(screen: Screen) -> dict[str, Field]:
    """Every field that may be a column."""
    return {
        n: f
        for n, f in schema.fields(screen.model).items()
        if f.kind not in (Kind.LONG_TEXT, Kind.JSON) and not f.secret and n not in {"deleted_at", "name_key"}
    }

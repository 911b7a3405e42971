"""What a tile asks of a list, through the one gate that lists have, and the way from its numbers to that list.

Nothing here asks the database. Does not belong here: numbers (`app.services.tiles`) and drawing (`views.tiles`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from app.errors import NotFound
from app.services import group_keys, periods, queries, saved_views, schema, tiles
from app.services.filters import Filter
from app.services.periods import Stretch
from app.services.queries import ListQuery
from app.services.tiles import Tile
from models.fields import Field
from models.words import N_, _
from views import calendar, shell
from views.list_state import State, read_state
from views.screen import Screen, screens

GONE = N_("It asks for a field that is gone, or that your role does not see.")
# Of a list's address, what says which records it has; the rest says how they are laid out.
_WHICH = ("q", "f", "w", "cols")


class Undrawable(Exception):
    """A tile is not drawn for this viewer; `why` is said to those who may change it, and to nobody else."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Asked:
    """A tile with the list that it is about. `state` says which records; the tile's own filters are in the query."""

    tile: Tile
    screen: Screen
    state: State
    own: tuple[Filter, ...]
    today: dt.date
    weekday: int
    zone: dt.tzinfo

    def query(self, *more: Filter) -> ListQuery:
        kept = replace(self.state.query(), filters=(*self.state.filters, *self.own, *more), sort=self.state.sort)
        return queries.searched(kept, shell.actor())

    def url(self, *more: Filter) -> str:
        """The list with the same records, and those of a part of them."""
        loc = shell.locale()
        found = [("f", one.text(self.screen.model, loc)) for one in (*self.own, *more)]
        return self.state.url([*found, *self.state.pairs()])

    def within(self, days: Stretch) -> tuple[Filter, ...]:
        return group_keys.within(self.screen.model, self.tile.date, days.start, days.end, self.zone)

    def field(self, name: str) -> Field:
        return schema.fields(self.screen.model)[name]

    @property
    def cost(self) -> int:
        """How many statements it takes at most."""
        titles = self.tile.kind == "table" and any(
            one.target for name, one in schema.added(self.screen.model).items() if name in self.state.columns
        )
        return 1 + bool(self.state.q) + titles


def asked(tile: Tile) -> Asked:
    """The list of a tile as this viewer may see it; raises `Undrawable`."""
    screen, actor = screens().get(tile.entity), shell.actor()
    if screen is None or not screen.can(actor, "read"):
        raise Undrawable(_("Your role does not read these records."))
    state = _state(screen, tile)
    if state.broken:
        raise Undrawable(GONE)
    _seen(screen, tile)
    zone = shell.locale().zone
    today = dt.datetime.now(zone).date()
    found = Asked(tile, screen, state, (), today, calendar.first_weekday(shell.locale().region), zone)
    own: list[Filter] = [tiles.mine(actor)] if tile.mine else []
    if tile.date and tile.period in periods.PERIODS:
        own += found.within(periods.stretch(tile.period, today, found.weekday))
    return replace(found, own=tuple(own))


def _state(screen: Screen, tile: Tile) -> State:
    text, pairs = tile.query, list[tuple[str, str]]()
    if tile.view:
        try:
            text = saved_views.find(tile.entity, tile.view, actor=shell.actor()).query
        except NotFound:
            raise Undrawable(_("The view that it is about is gone, or was not shared with you.")) from None
        pairs.append(("view", f"{tile.view}~"))
    known = queries.sortable(screen.model)
    for name, value in parse_qsl(text):
        if name in _WHICH or (name == "sort" and value.removeprefix("-") in known):
            pairs.append((name, value))
    return read_state(screen, MultiDict(pairs))


def _seen(screen: Screen, tile: Tile) -> None:
    """Every field that a tile names is one that lists can be parted or added up by, for this viewer."""
    model, actor = screen.model, shell.actor()
    steps = tiles.stepped(model, actor=actor) if tile.kind == "funnel" else tiles.partable(model)
    wanted: Sequence[tuple[str, object]] = (
        (tile.of, group_keys.summable(model)),
        (tile.by, steps),
        (tile.split, tiles.partable(model)),
        (tile.date, group_keys.timed(model)),
    )
    for name, known in wanted:
        if name and name not in known:  # type: ignore[operator]
            raise Undrawable(GONE)
    if tile.mine and not tiles.ownable(model):
        raise Undrawable(GONE)

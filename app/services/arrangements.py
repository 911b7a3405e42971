"""How tiles stand on a dashboard: in which order, how wide, and which are left out; three columns that rows of tiles
fill.

Arrangements stand on each other, and each says only what is its own: everybody's, a role's, a person's. Pure: no
database. Does not belong here: whose they are and keeping them (`app.services.dashboards`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import Conflict, Invalid, NotFound
from app.services import tiles
from app.services.tiles import Tile
from models.words import N_, _

MOST = 24
COLUMNS = 3
# The tiles that people make have larger ids.
_USUAL: tuple[dict[str, Any], ...] = (
    {"kind": "trend", "title": N_("New contacts this week"), "entity": "contact", "date": "created_at",
     "every": "week"},
    {"kind": "number", "title": N_("Open pipeline"), "entity": "deal", "query": "f=closed_on:empty", "measure": "sum",
     "of": "price"},
    {"kind": "number", "title": N_("Closings in the next 30 days"), "entity": "deal", "query": "f=closed_on:empty",
     "date": "expected_close", "period": "next30"},
    {"kind": "bar", "title": N_("New contacts by week"), "entity": "contact", "date": "created_at", "every": "week",
     "split": "source", "width": 2},
    {"kind": "bar", "title": N_("Open deals by stage"), "entity": "deal", "query": "f=closed_on:empty",
     "by": "stage_id"},
    {"kind": "needs", "title": N_("Needs you today"), "width": 2},
    {"kind": "jobs", "title": N_("Jobs")},
)  # fmt: skip
FIRST_OWN, LAST_OWN = 1000, 2**31


@dataclass(slots=True)
class Layer:
    """One arrangement: tiles of its own by id, which may take the place of those below it; the order of all of them,
    with widths; and what is left out. `order` is empty where it is as below.
    """

    tiles: dict[int, Tile] = field(default_factory=dict)
    order: list[tuple[int, int]] = field(default_factory=list)
    hidden: list[int] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """As it is kept in JSON."""
        return {
            "tiles": {str(key): one.facts() for key, one in self.tiles.items()},
            "order": [list(one) for one in self.order],
            "hidden": list(self.hidden),
        }

    def instead_of(self, new: Layer, now: Layer) -> Layer:
        """`now` after the change from this one to `new` is taken back; raises `Conflict` where it was changed again."""
        found = dict(now.tiles)
        for key in self.tiles.keys() | new.tiles.keys():
            if self.tiles.get(key) == new.tiles.get(key):
                continue
            if found.get(key) != new.tiles.get(key):
                raise Conflict(_("This tile was changed again since. Nothing was undone; change it by hand."))
            if key in self.tiles:
                found[key] = self.tiles[key]
            else:
                del found[key]
        hidden = [key for key in now.hidden if key in self.hidden or key not in new.hidden]
        hidden += [key for key in self.hidden if key not in new.hidden and key not in hidden]
        moved = self.tiles == new.tiles and self.hidden == new.hidden
        if moved and now.order != new.order:
            raise Conflict(_("The tiles were arranged anew since. Nothing was undone; move them by hand."))
        order = list(self.order if now.order == new.order else now.order)
        gone = (self.tiles.keys() - new.tiles.keys()) | (set(new.hidden) - set(self.hidden))
        for place, one in enumerate(self.order):
            if one[0] in gone and one[0] not in dict(order):
                # Behind the nearest of those that stood before it and are still there.
                keys, ahead = [key for key, _ in order], [key for key, _ in self.order[:place]]
                order.insert(next((keys.index(key) + 1 for key in reversed(ahead) if key in keys), 0), one)
        return Layer(found, order, hidden)


def layer_of(facts: Mapping[str, Any] | None, *, base: bool = False) -> Layer:
    """The arrangement that was kept; with `base` the usual one of the first page where there is none."""
    if facts is None:
        return usual() if base else Layer()
    own = {int(key): _named(tiles.made(int(key), one)) for key, one in (facts.get("tiles") or {}).items()}
    order = [(int(key), int(width)) for key, width in facts.get("order") or ()]
    return Layer(own, order, [int(key) for key in facts.get("hidden") or ()])


def _named(tile: Tile) -> Tile:
    """A usual tile that has the title it came with has it in the reader's language."""
    own = _USUAL[tile.id - 1]["title"] if 0 < tile.id <= len(_USUAL) else ""
    return replace(tile, title=own) if tile.title == own else tile


def usual() -> Layer:
    """The tiles of the first page where nobody has changed them."""
    made = [tiles.made(key, facts) for key, facts in enumerate(_USUAL, 1)]
    return Layer({one.id: one for one in made}, [(one.id, one.width) for one in made])


def arranged(layers: Sequence[Layer]) -> list[Tile]:
    """The tiles of arrangements that stand on each other, in order. What a lower one has and a higher does not name
    comes last, so that a new tile of everybody's is seen by all.
    """
    found: dict[int, Tile] = {}
    for layer in layers:
        known = {**found, **layer.tiles}
        widths = dict(layer.order)
        keys = [*(k for k in widths if k in known), *(k for k in known if k not in widths)]
        found = {
            key: replace(known[key], width=min(max(widths.get(key, known[key].width), 1), COLUMNS))
            for key in keys
            if key not in layer.hidden
        }
    return list(found.values())


def left_out(layers: Sequence[Layer]) -> list[Tile]:
    """The tiles that the last arrangement leaves out of those below it."""
    below = {one.id: one for one in arranged(layers[:-1])}
    return [below[key] for key in layers[-1].hidden if key in below]


# Changes; each gives the last arrangement anew


def add(layers: Sequence[Layer], tile: Tile) -> Layer:
    """One more tile, at the end. Its id is drawn at random, as others may add some to arrangements beside this one."""
    tile = replace(tile, id=FIRST_OWN + secrets.randbelow(LAST_OWN - FIRST_OWN))
    now, top = arranged(layers), layers[-1]
    if len(now) >= MOST:
        raise Invalid({"": _("A dashboard holds {n} tiles. Take one away first, or make another dashboard.", n=MOST)})
    return _layer(top, [*now, tile], {**top.tiles, tile.id: tile})


def change(layers: Sequence[Layer], tile: Tile) -> Layer:
    """Another definition of a tile, in this arrangement alone."""
    now, top = arranged(layers), layers[-1]
    _at(now, tile.id)
    return _layer(top, [tile if one.id == tile.id else one for one in now], {**top.tiles, tile.id: tile})


def take_away(layers: Sequence[Layer], key: int) -> Layer:
    now, top = arranged(layers), layers[-1]
    _at(now, key)
    own = {k: one for k, one in top.tiles.items() if k != key}
    below = {one.id for one in arranged(layers[:-1])}
    made = _layer(top, [one for one in now if one.id != key], own)
    if key in below:
        made.hidden.append(key)
    return made


def put_back(layers: Sequence[Layer], key: int) -> Layer:
    top = layers[-1]
    back = next((one for one in left_out(layers) if one.id == key), None)
    if back is None:
        raise NotFound(_("This tile is not left out."))
    made = _layer(top, [*arranged(layers), back], top.tiles)
    made.hidden.remove(key)
    return made


def resize(layers: Sequence[Layer], key: int, width: int) -> Layer:
    now = arranged(layers)
    _at(now, key)
    if not 1 <= width <= COLUMNS:
        raise Invalid({"": _("A tile is 1 to {n} columns wide.", n=COLUMNS)})
    return _layer(layers[-1], [replace(one, width=width) if one.id == key else one for one in now], layers[-1].tiles)


def move(layers: Sequence[Layer], key: int, to: str) -> Layer:
    """One place to the "left" or "right", a row "up" or "down"."""
    now = arranged(layers)
    at = _at(now, key)
    one = now.pop(at)
    now.insert(_place(now, one, at, to), one)
    return _layer(layers[-1], now, layers[-1].tiles)


def put_before(layers: Sequence[Layer], key: int, other: int | None) -> Layer:
    """To the place of another tile, or (None) to the end."""
    now = arranged(layers)
    one = now.pop(_at(now, key))
    now.insert(len(now) if other is None else _at(now, other), one)
    return _layer(layers[-1], now, layers[-1].tiles)


def rows(now: Sequence[Tile]) -> list[list[Tile]]:
    """The rows that tiles fill."""
    found: list[list[Tile]] = []
    room = 0
    for one in now:
        if one.width > room:
            found.append([])
            room = COLUMNS
        found[-1].append(one)
        room -= one.width
    return found


def _place(rest: list[Tile], one: Tile, at: int, to: str) -> int:
    if to == "left":
        return max(at - 1, 0)
    if to == "right":
        return min(at + 1, len(rest))
    if to not in ("up", "down"):
        raise Invalid({"": _("Say where the tile goes: left, right, up or down.")})
    row, column = _stands([*rest[:at], one, *rest[at:]], one.id)
    wanted = row - 1 if to == "up" else row + 1
    ways = range(at) if to == "up" else range(at + 1, len(rest) + 1)

    def far(place: int) -> tuple[int, int, int]:
        there, beside = _stands([*rest[:place], one, *rest[place:]], one.id)
        return abs(there - wanted), abs(beside - column), abs(place - at)

    return min(ways, key=far, default=at)


def _stands(now: Sequence[Tile], key: int) -> tuple[int, int]:
    """The row and the column that a tile stands in."""
    return next(
        (row, sum(one.width for one in line[:place]))
        for row, line in enumerate(rows(now))
        for place, tile in enumerate(line)
        if tile.id == key
    )


def _at(now: Sequence[Tile], key: int) -> int:
    found = next((place for place, one in enumerate(now) if one.id == key), None)
    if found is None:
        raise NotFound(_("This tile is gone."))
    return found


def _layer(top: Layer, now: Sequence[Tile], own: Mapping[int, Tile]) -> Layer:
    return Layer(dict(own), [(one.id, one.width) for one in now], list(top.hidden))

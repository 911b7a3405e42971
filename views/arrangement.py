"""How a list is laid out, as its address says it: a table, a board or a calendar, by which field, and with what totals.

Parameters: display, by (field of a board or calendar), group (field of a table), totals, inside (the pipeline of a
board by stages), month (the place in a calendar, "2026-11"). Does not belong here: drawing (`views.board`,
`views.calendar`, `views.grouping`).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.services import group_keys, schema, values
from models import registry
from models.fields import Field, Kind
from models.words import N_, _
from views import shell
from views.screen import Screen, screens

TABLE, BOARD, CALENDAR = "table", "board", "calendar"
LABELS = {TABLE: N_("Table"), BOARD: N_("Board"), CALENDAR: N_("Calendar")}
ICONS = {TABLE: "table", BOARD: "layout-kanban", CALENDAR: "calendar"}
_MONTH = re.compile(r"(19|20|21)\d\d-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """`by` and `group` are fields that part the records, "" where the list has none."""

    display: str = TABLE
    by: str = ""
    group: str = ""
    totals: bool = False
    inside: int | None = None
    month: str = ""

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of it."""
        found = []
        if self.display != TABLE:
            found += [("display", self.display), ("by", self.by)]
        if self.group:
            found.append(("group", self.group))
        if self.totals:
            found.append(("totals", "1"))
        if self.display == BOARD and self.inside is not None:
            found.append(("inside", str(self.inside)))
        if self.display == CALENDAR and self.month:
            found.append(("month", self.month))
        return found


PLAIN = Arrangement()


def read(screen: Screen, args: Any, broken: list[str]) -> Arrangement:
    """The arrangement of an address; what makes no sense is left out and named."""
    group = args.get("group", "")
    if group and group not in groupable(screen):
        broken.append(_("This list cannot be grouped by “{group}”.", group=group[:60]))
        group = ""
    plain = Arrangement(group=group, totals=args.get("totals") == "1")
    display = args.get("display", TABLE)
    if display == TABLE:
        return plain
    known = fitting(screen).get(display)
    if not known:
        broken.append(_("This list has no display “{display}”.", display=display[:60]))
        return plain
    by = args.get("by", "")
    if by and by not in known:
        broken.append(_("This list cannot be shown as a {display} by “{by}”.", display=display, by=by[:60]))
    month = args.get("month", "")
    if month and not _MONTH.fullmatch(month):
        broken.append(_("“{month}” is no month.", month=month[:20]))
        month = ""
    by = by if by in known else next(iter(known))
    return replace(plain, display=display, by=by, inside=values.whole(args.get("inside", "")), month=month)


def fitting(screen: Screen) -> dict[str, dict[str, Field]]:
    """Each display beside the table that the list has a field for, with these fields, the most telling first."""
    lanes = {n: f for n, f in group_keys.lanes_of(screen.model, actor=shell.actor()).items() if _has_screen(f)}
    found = {BOARD: _first(screen, lanes), CALENDAR: _first(screen, group_keys.timed(screen.model))}
    return {display: known for display, known in found.items() if known}


def groupable(screen: Screen) -> dict[str, Field]:
    return {n: f for n, f in group_keys.groupable(screen.model).items() if _has_screen(f)}


def _first(screen: Screen, known: Mapping[str, Field]) -> dict[str, Field]:
    """The badge comes first, then what is set by people and shown as a column, then what is set by people."""
    writable = schema.writable(screen.model)
    places = {name: place for place, name in enumerate(screen.columns)}

    def rank(name: str) -> tuple[bool, bool, int]:
        return name != screen.badge, name not in writable, places.get(name, len(places))

    return {name: known[name] for name in sorted(known, key=rank)}


def _has_screen(one: Field) -> bool:
    return one.kind is not Kind.RELATION or (one.target in screens() and one.target in registry.entities())


def first_of(month: str, today: dt.date) -> dt.date:
    """The first day of the month that a calendar shows: the one asked for, or the present one."""
    return dt.date.fromisoformat(f"{month}-01") if month else today.replace(day=1)

"""Dashboards, of which Today is the first page: tiles of numbers, charts and lists. Every number leads to its records.

The first tiles are read with the page, as many as a page may ask statements for; the others fetch themselves when they
come into view. Does not belong here: arranging them (`views.dashboard_arranging`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, render_template, request

from app import permissions
from app.errors import NotFound
from app.services import dashboards, figures
from app.services.dashboards import HOME, Board
from app.services.tiles import BLOCKS, Tile
from models import formats
from models.words import N_, _
from views import shell, tiles
from views.jobs import brief
from views.screen import of
from views.tile_lists import Asked, Undrawable, asked

pages = Blueprint("dashboard", __name__)
# Statements that the tiles of a page may take; the rest of the page takes one more.
FIRST_PAINT = 5
_MORNING, _AFTERNOON, _EVENING = N_("Good morning, {name}"), N_("Good afternoon, {name}"), N_("Good evening, {name}")
# The right to write this, label, text, address.
_STEPS = (
    ("import", N_("Import your contacts"), N_("A CSV or vCard file from Google, Outlook or your old CRM."),
     "/contacts/import"),
    ("membership", N_("Invite a colleague"), N_("Everybody gets a role that says what they see."), "/settings/members"),
    ("workspace", N_("Complete the brokerage's profile"), N_("Name, address and colour stand on every public page."),
     "/settings/workspace"),
)  # fmt: skip


@pages.get("/")
def today() -> str:
    return _page(dashboards.find(HOME, actor=shell.actor()))


@pages.get("/dashboards/<int:key>")
def show(key: int) -> str:
    return _page(dashboards.find(key, actor=shell.actor()))


@pages.get("/dashboards/<int:key>/tiles/<int:tile>")
def one(key: int, tile: int) -> str:
    """A tile that fetches itself; without script a page of its own."""
    actor = shell.actor()
    board = dashboards.find(key, actor=actor)
    found = next((t for t in dashboards.tiles(board, actor=actor) if t.id == tile), None)
    drawn = None if found is None else _drawn(board, found)
    if drawn is None:
        raise NotFound(_("This tile is gone, or was not shared with you."))
    if request.headers.get("HX-Request"):
        return render_template("parts/tile_fetched.html", tile=drawn)
    base = _frame(board)
    return render_template("dashboard.html", **base, tiles=[drawn], first_steps=[])


def address(board: Board, page: str = "") -> str:
    """The address of a dashboard, or of one of its pages."""
    return "/" if board.home and not page else f"/dashboards/{board.key}" + (f"/{page}" if page else "")


def _page(board: Board) -> str:
    left, found = FIRST_PAINT, []
    for tile in dashboards.tiles(board, actor=shell.actor()):
        drawn, cost = _within(board, tile, left)
        left -= cost
        if drawn is not None:
            found.append(drawn)
    return render_template(
        "dashboard.html", **_frame(board), tiles=found, first_steps=_first_steps(found) if board.home else []
    )


def _frame(board: Board) -> dict[str, Any]:
    """What stands around the tiles."""
    actor = shell.actor()
    local = dt.datetime.now(shell.locale().zone)
    greeting = _MORNING if local.hour < 12 else _AFTERNOON if local.hour < 18 else _EVENING
    boards = dashboards.seen(actor=actor)
    return {
        "title": greeting.format(name=actor.label.split()[0]) if board.home else board.name,
        "name": board.name,
        "boards": [
            {"label": b.name, "url": address(b), "current": b.key == board.key} for b in boards if len(boards) > 1
        ],
        "arrange_url": address(board, "arrange"),
        "add_url": address(board, "tiles/new"),
        "counted_at": _("Counted at {time} from records you may read.", time=f"{local:%H:%M %Z}"),
    }


def _within(board: Board, tile: Tile, left: int) -> tuple[dict[str, Any] | None, int]:
    """A tile and what it takes; where no more statements are left, what fetches it."""
    try:
        spec = _asked(tile)
    except Undrawable as error:
        return _undrawn(board, tile, error.why), 0
    cost = 1 if spec is None else spec.cost
    if cost > left:
        return _shape(tile) | {"kind": "lazy", "url": address(board, f"tiles/{tile.id}")}, 0
    return _read(tile, spec), cost


def _drawn(board: Board, tile: Tile) -> dict[str, Any] | None:
    try:
        return _read(tile, _asked(tile))
    except Undrawable as error:
        return _undrawn(board, tile, error.why)


def _asked(tile: Tile) -> Asked | None:
    """The list of a tile; None for what is drawn without one."""
    if tile.kind not in BLOCKS:
        return asked(tile)
    if tile.kind == "needs" and not figures.may_see_tasks(shell.actor()):
        raise Undrawable(_("Your role does not see tasks and when they are due."))
    return None


def _read(tile: Tile, spec: Asked | None) -> dict[str, Any]:
    if spec is not None:
        return tiles.drawn(spec)
    return _shape(tile) | (_needs() if tile.kind == "needs" else {"kind": "jobs", "jobs": brief(), "url": "/jobs/"})


def _undrawn(board: Board, tile: Tile, why: str) -> dict[str, Any] | None:
    """Only who may change a tile is told that there is one."""
    if not dashboards.may_change(board, shell.actor()):
        return None
    return _shape(tile) | {"kind": "undrawn", "why": why, "url": None}


def _shape(tile: Tile) -> dict[str, Any]:
    return {"id": tile.id, "title": tile.title, "width": tile.width}


def _needs() -> dict[str, Any]:
    local = dt.datetime.now(shell.locale().zone)
    rows, number = figures.tasks_due(shell.actor())
    return {
        "kind": "needs",
        "url": of("task").home,
        "note": _("{n} of {all} tasks", n=len(rows), all=number) if number > len(rows) else "",
        "items": [_need(row, local) for row in rows],
    }


def _need(row: Any, local: dt.datetime) -> dict[str, Any]:
    key, title, due, _person, contact = row
    words = None
    if due is not None:
        at = due.astimezone(local.tzinfo)
        late = at < local
        today = at.date() == local.date()
        words = {
            "text": _("late since {day}", day=formats.day_of_month(at))
            if late and not today
            else _("today {time}", time=f"{at:%H:%M}")
            if today
            else formats.day_of_month(at),
            "cls": "bad" if late else "warn" if today else "",
            "icon": "alert-triangle" if late else "clock",
        }
    return {"title": title, "url": of("task").url(key), "who": contact or "", "due": words}


def _first_steps(drawn: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What this person may do of it, shown until there is anything to count."""
    counts = [one["count"] for one in drawn if "count" in one]
    if any(counts) or not counts:
        return []
    return [
        {"label": label, "text": text, "url": url, "done": False}
        for entity, label, text, url in _STEPS
        if permissions.reach(shell.actor(), "write", entity) is not None
    ]

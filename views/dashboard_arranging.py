"""Arranging a dashboard: order, widths, what is left out, for oneself, everybody or a role; making, naming and sharing
dashboards; and taking changes back.

Every step is a form of its own, so that it works without script; with script tiles are also dragged
(`js/dashboard.js`). Does not belong here: what a tile shows (`views.tile_form`).
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from app.errors import Invalid
from app.services import arrangements, dashboard_changes, dashboards, roles, tiles, values
from app.services.arrangements import Layer
from app.services.dashboards import ALL, HOME, Board, Whom
from app.services.tiles import Tile
from models import formats
from models.view import AUDIENCES
from models.words import N_, _, _n
from views import shell
from views.dashboard import address, pages
from views.redirects import back
from views.screen import screens
from views.settings_kit import field

Answer = str | Response | tuple[str, int]
ICONS = {
    "number": "scale", "trend": "arrow-up", "table": "table", "bar": "chart-bar", "line": "activity",
    "funnel": "filter", "needs": "checklist", "jobs": "stack-2",
}  # fmt: skip
_WAYS = (("left", N_("Move left"), "arrow-left"), ("right", N_("Move right"), "arrow-right"),
         ("up", N_("Move up"), "arrow-up"),
         ("down", N_("Move down"), "arrow-down"))  # fmt: skip


def whom_asked(board: Board) -> Whom:
    """Whose arrangement the address speaks of: "me", "all" or a role's id; else the usual one of this person."""
    actor, text = shell.actor(), request.values.get("for", "")
    if text == "all":
        return ALL
    role = values.whole(text)
    if role is not None:
        return Whom(role=role)
    usual = dashboards.arrangeable(board, actor) or [dashboards.own(actor)]
    return dashboards.own(actor) if text == "me" and dashboards.own(actor) in usual else usual[0]


def text_of(whom: Whom) -> str:
    """Whose arrangement, as an address says it."""
    return "me" if whom.member is not None else str(whom.role) if whom.role else "all"


def audience(board: Board) -> list[tuple[str, str]]:
    """For whom this person may arrange it, as (value, words)."""
    actor = shell.actor()
    words = dict(AUDIENCES)
    found = [
        (text_of(whom), words[board.audience] if whom == ALL else words["private"])
        for whom in dashboards.arrangeable(board, actor)
    ]
    if board.audience == "workspace" and dashboards.may_share(actor):
        found += [(str(role.id), role.label) for role in roles.of_workspace()]
    return found


@pages.get("/dashboards/<int:key>/arrange")
def arrange(key: int) -> str:
    """The tiles as they stand, without their numbers, each with the ways it can go."""
    actor = shell.actor()
    board = dashboards.find(key, actor=actor)
    whom = whom_asked(board)
    if whom.role:
        roles.get(whom.role)
    stack = dashboards.stack(board, whom, actor.role_id if whom.member is not None else whom.role)
    text, base = text_of(whom), f"/dashboards/{board.key}"
    return render_template(
        "dashboard_arrange.html",
        title=_("Arrange {name}", name=board.name),
        board_url=address(board),
        add_url=f"{base}/tiles/new?for={text}",
        history_url=f"{base}/history",
        settings_url=f"{base}/settings" if dashboards.may_change(board, actor) and not board.home else None,
        reset_url=f"{base}/reset?for={text}" if whom in board.layers and (whom != ALL or board.home) else None,
        tabs=[
            {"label": label, "url": f"{base}/arrange?for={value}", "current": value == text}
            for value, label in audience(board)
        ],
        tiles=[_box(base, text, tile) for tile in arrangements.arranged(stack)],
        left_out=[_box(base, text, tile) for tile in arrangements.left_out(stack)],
        ways=_WAYS,
        widths=[(number, _n("{n} column wide", "{n} columns wide", number)) for number in (1, 2, 3)],
    )


def _box(base: str, text: str, tile: Tile) -> dict[str, Any]:
    screen = screens().get(tile.entity)
    kind = tiles.KINDS.get(tile.kind)
    return {
        "id": tile.id,
        "title": tile.title,
        "width": tile.width,
        "icon": ICONS[tile.kind],
        "about": _("{kind}, {records}", kind=kind, records=screen.label.lower())
        if kind and screen is not None
        else _("Made by the product"),
        "place_url": f"{base}/tiles/{tile.id}/place?for={text}",
        "edit_url": f"{base}/tiles/{tile.id}/edit?for={text}" if kind else None,
    }


@pages.post("/dashboards/<int:key>/tiles/<int:tile>/place")
def place(key: int, tile: int) -> Response:
    """One step: `to` a side, `before` another tile, as many columns `wide`, `away` or `back`."""
    board = dashboards.find(key, actor=shell.actor())
    whom, form = whom_asked(board), request.form

    def step(stack: list[Layer]) -> tuple[Layer, str]:
        name = next((one.title for one in (*arrangements.arranged(stack), *arrangements.left_out(stack))
                     if one.id == tile), "")  # fmt: skip
        if "away" in form:
            return arrangements.take_away(stack, tile), _("“{name}” taken away", name=name)
        if "back" in form:
            return arrangements.put_back(stack, tile), _("“{name}” put back", name=name)
        if "wide" in form:
            return arrangements.resize(stack, tile, values.whole(form["wide"]) or 0), _(
                "“{name}” has another width", name=name
            )
        if "before" in form:
            return arrangements.put_before(stack, tile, values.whole(form["before"])), _("“{name}” moved", name=name)
        return arrangements.move(stack, tile, form.get("to", "")), _("“{name}” moved", name=name)

    change, words = dashboard_changes.keep_layer(key, whom, step, "dashboard.arranged", actor=shell.actor())
    shell.toast(words, undo_url(change))
    return redirect(f"/dashboards/{board.key}/arrange?for={text_of(whom)}", 303)


@pages.post("/dashboards/<int:key>/reset")
def reset(key: int) -> Response:
    """Back to the arrangement below this one."""
    board = dashboards.find(key, actor=shell.actor())
    whom = whom_asked(board)
    change, words = dashboard_changes.keep_layer(
        key, whom, lambda _stack: (None, _("Back to the usual arrangement")), "dashboard.reset", actor=shell.actor()
    )
    shell.toast(words, undo_url(change))
    return redirect(f"/dashboards/{board.key}/arrange?for={text_of(whom)}", 303)


def undo_url(change: int) -> str:
    return f"/dashboards/changes/{change}/undo"


@pages.post("/dashboards/changes/<int:change>/undo")
def undo(change: int) -> Response:
    key = dashboard_changes.undo(change, actor=shell.actor())
    shell.toast(_("Change undone"))
    return redirect(back(request.form.get("next"), f"/dashboards/{key}" if key else "/"), 303)


@pages.get("/dashboards/<int:key>/history")
def history(key: int) -> str:
    """What was changed, by whom, with the way to take it back."""
    actor, zone = shell.actor(), shell.locale().zone
    board = dashboards.find(key, actor=actor)
    labels = {role.id: role.label for role in roles.of_workspace()}
    rows = []
    for change, undoable in dashboard_changes.history(board.key, actor=actor):
        local = change.at.astimezone(zone)
        rows.append(
            {
                "what": dashboard_changes.told(board, change),
                "who": change.actor,
                "whose": _whose(change.new, labels),
                "stamp": change.at.isoformat(),
                "when": formats.moment(local),
                "undo_url": undo_url(change.id) if undoable else None,
            }
        )
    return render_template(
        "dashboard_history.html",
        title=_("Changes of {name}", name=board.name),
        rows=rows,
        base_url=f"/dashboards/{board.key}/arrange",
    )


def _whose(new: dict[str, Any], labels: dict[int, str]) -> str:
    if "layer" not in new:
        return ""
    if new["member"] is not None:
        return _("Only me")
    return labels.get(new["role"], _("A role")) if new["role"] else _("Everybody")


# Making, naming, sharing


@pages.get("/dashboards/")
def index() -> str:
    """The dashboards this person has."""
    actor, words = shell.actor(), dict(AUDIENCES)
    return render_template(
        "dashboards.html",
        title=_("Dashboards"),
        rows=[
            {
                "name": board.name,
                "url": address(board),
                "audience": words.get(board.audience, ""),
                "arrange_url": f"/dashboards/{board.key}/arrange",
                "settings_url": f"/dashboards/{board.key}/settings" if may and not board.home else None,
                "delete_url": f"/dashboards/{board.key}/delete" if may and not board.home else None,
            }
            for board in dashboards.seen(actor=actor)
            for may in (dashboards.may_change(board, actor),)
        ],
    )


@pages.route("/dashboards/new", methods=("GET", "POST"))
def new() -> Answer:
    return _settings(None)


@pages.route("/dashboards/<int:key>/settings", methods=("GET", "POST"))
def settings(key: int) -> Answer:
    board = dashboards.find(key, actor=shell.actor())
    return _settings(board)


@pages.post("/dashboards/<int:key>/delete")
def delete(key: int) -> Response:
    name, change = dashboard_changes.delete(key, actor=shell.actor())
    shell.toast(_("Dashboard “{name}” deleted", name=name), undo_url(change))
    return redirect("/dashboards/", 303)


def _settings(board: Board | None) -> Answer:
    if request.method == "GET":
        return _form(board, {})
    try:
        key = dashboard_changes.save(
            request.form.get("name", ""), request.form.get("audience", ""), actor=shell.actor(),
            key=None if board is None else board.key,
        )  # fmt: skip
    except Invalid as error:
        return _form(board, error.fields), 422
    shell.toast(_("Dashboard saved"))
    return redirect(f"/dashboards/{HOME if board is not None and board.home else key}", 303)


def _form(board: Board | None, errors: dict[str, str]) -> str:
    actor = shell.actor()
    allowed = {"private", *(["team"] if actor.team_id else []), *(["workspace"] if dashboards.may_share(actor) else [])}
    fields = [
        field("name", _("Name"), value=board.name if board else "", errors=errors, required=True, max=80),
        field("audience", _("Who has it"), kind="choice", errors=errors, required=True,
              choices=[pair for pair in AUDIENCES if pair[0] in allowed],
              value=board.audience if board else "private"),
    ]  # fmt: skip
    return render_template(
        "confirm.html",
        title=_("Name and share {name}", name=board.name) if board else _("New dashboard"),
        text=_("Everybody sees in it what their own role allows."),
        action=f"/dashboards/{board.key}/settings" if board else "/dashboards/new",
        fields=fields,
        verb=_("Save") if board else _("Make it"),
        cancel_url=f"/dashboards/{board.key}/arrange" if board else "/dashboards/",
        errors=[text for name, text in errors.items() if name not in ("name", "audience")],
    )

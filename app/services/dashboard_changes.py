"""Changing dashboards and their arrangements: each change is audited, and kept with what was before, so that it can be
taken back.

Does not belong here: reading them (`app.services.dashboards`), moving tiles about (`app.services.arrangements`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import dashboards, roles, saved_views, schema
from app.services.arrangements import Layer
from app.services.dashboards import HOME, TODAY, Board, Whom
from app.services.operation import Operation, operation
from app.services.tiles import Tile
from models import scope, tenancy
from models.audit import Change
from models.base import session
from models.dashboard import Dashboard, DashboardLayer
from models.scope import Actor
from models.view import AUDIENCES
from models.words import _

ENTITY = "dashboard"
MOST = 50
_WHY = tenancy.reason("an arrangement is replaced whole; what it was is kept as a change")
# Makes the last of the arrangements that stand on each other anew, and says what was done.
Arranging = Callable[[list[Layer]], tuple[Layer | None, str]]


def save(name: str, audience: str, *, actor: Actor, key: int | None = None) -> int:
    """Keep a new dashboard, or change name and audience of one; its place in an address."""
    with operation("dashboard.save", actor=actor) as op:
        schema.hold()
        board = None if key is None else _changeable(key, actor)
        clean = _checked(name, audience, board, actor)
        row = Dashboard(membership_id=actor.membership_id) if board is None else _load(board)
        old = None if board is None else {"name": row.name, "audience": row.audience}
        row.name, row.audience = clean, audience
        row.team_id = actor.team_id if audience == "team" else None
        session.add(row)
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        new = {"name": clean, "audience": audience}
        note(op, row.id, "create" if old is None else "update", old or {}, new)
        op.audit("dashboard.saved", entity=ENTITY, record_id=row.id, facts=new)
    return row.id


def delete(key: int, *, actor: Actor) -> tuple[str, int]:
    """Take a dashboard away from all who have it; its name, and the change that can be taken back."""
    with operation("dashboard.delete", actor=actor) as op:
        schema.hold()
        board = _changeable(key, actor)
        if board.home:
            raise Invalid({"": _("The first page stays. Take its tiles away, or go back to the usual ones.")})
        row = _load(board)
        row.deleted_at = op.at
        session.flush()
        schema.renew_workspace(scope.workspace_id())
        change = note(op, row.id, "delete", {"deleted": None}, {"deleted": op.at.isoformat()})
        op.audit("dashboard.deleted", entity=ENTITY, record_id=row.id, facts={"name": row.name})
    return row.name, change


def _checked(name: str, audience: str, board: Board | None, actor: Actor) -> str:
    name, problems = " ".join(name.split()), {}
    if not name or len(name) > 80:
        problems["name"] = _("Give the dashboard a name, at most 80 characters.")
    if audience not in dict(AUDIENCES):
        problems["audience"] = _("Choose who has this dashboard.")
    if audience == "team" and actor.team_id is None:
        problems["audience"] = _("You are in no team to share it with.")
    if board is not None and board.home:
        problems["name"] = _("The first page keeps its name.")
    present = [one for one in dashboards.seen(actor=actor) if one.membership_id == actor.membership_id]
    if any(one.name.casefold() == name.casefold() and one != board for one in present):
        problems["name"] = _("You have a dashboard with this name already.")
    if board is None and len(present) >= MOST:
        problems[""] = _("You keep {n} dashboards. Delete one first.", n=MOST)
    if problems:
        raise Invalid(problems)
    if actor.membership_id is None or (audience == "workspace" and not dashboards.may_share(actor)):
        raise Forbidden(
            "write", "view", _("Your role keeps dashboards for yourself and your team; ask somebody to share it.")
        )
    return name


def keep_layer(key: int, whom: Whom, change: Arranging, action: str, *, actor: Actor) -> tuple[int, str]:
    """Put what `change` makes of the arrangements up to that of `whom` in the place of theirs: a `Layer`, with what to
    say of it, or None for the usual arrangement. The change that can be taken back, and what was said.
    """
    with operation("dashboard.arrange", actor=actor) as op:
        schema.hold()
        board = _arrangeable(key, whom, actor)
        old = board.layers.get(whom)
        layer, words = change(dashboards.stack(board, whom, actor.role_id if whom.member else whom.role))
        for tile in layer.tiles.values() if layer is not None else ():
            _shared_enough(tile, board, whom, actor)
        new = layer.facts() if layer is not None else None
        row = _load(board)
        _put(row.id, whom, new)
        found = note(op, row.id, "update", _kept(whom, old), _kept(whom, new))
        op.audit(action, entity=ENTITY, record_id=row.id, facts={"dashboard": row.name, "for": label(whom)})
    return found, words


def _shared_enough(tile: Tile, board: Board, whom: Whom, actor: Actor) -> None:
    """A tile over a view that others do not have would be nothing to them."""
    if not tile.view or whom.member is not None or board.audience == "private":
        return
    known = [one for one in saved_views.seen(tile.entity, actor=actor) if one.id == tile.view]
    enough = ("workspace",) if board.audience == "workspace" else ("workspace", "team")
    if known and known[0].audience not in enough:
        raise Invalid(
            {
                "source": _(
                    "Others do not have the view {name}. Share the view first, or choose another.", name=known[0].name
                )
            }
        )


def label(whom: Whom) -> str:
    """For whom an arrangement is, in the log."""
    if whom.member is not None:
        return "themselves"
    return f"role {roles.get(whom.role).label}" if whom.role else "everybody"


def _arrangeable(key: int, whom: Whom, actor: Actor) -> Board:
    board = dashboards.find(key, actor=actor)
    allowed = whom in dashboards.arrangeable(board, actor)
    if whom.role and whom.member is None:
        roles.get(whom.role)
        allowed = board.audience == "workspace" and dashboards.may_share(actor)
    if not allowed:
        raise Forbidden(
            "write", "view", _("This arrangement is not yours to change. Arrange the dashboard for yourself.")
        )
    return board


def _changeable(key: int, actor: Actor) -> Board:
    board = dashboards.find(key, actor=actor)
    if not dashboards.may_change(board, actor):
        raise Forbidden(
            "write", "view", _("This dashboard is somebody else's. Arrange it for yourself, or make one of your own.")
        )
    return board


def _load(board: Board) -> Dashboard:
    """The row of a dashboard; that of the first page is made with its first change."""
    if board.id == HOME:
        row = Dashboard(name=TODAY, audience="workspace", home=True)
        session.add(row)
        session.flush()
        return row
    return session.scalars(sa.select(Dashboard).where(Dashboard.id == board.id)).one()


def _put(dashboard: int, whom: Whom, facts: Mapping[str, Any] | None) -> None:
    table = DashboardLayer.__table__
    same = table.c.membership_id.is_(None) if whom.member is None else table.c.membership_id == whom.member
    mine = (
        table.c.workspace_id == scope.workspace_id(),
        table.c.dashboard_id == dashboard,
        table.c.role_id == whom.role,
    )
    session.execute(sa.delete(table).where(*mine, same), execution_options=_WHY)
    if facts is not None:
        session.add(
            DashboardLayer(dashboard_id=dashboard, role_id=whom.role, membership_id=whom.member, facts=dict(facts))
        )
    session.flush()
    schema.renew_workspace(scope.workspace_id())


# What was before


def _kept(whom: Whom, facts: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"role": whom.role, "member": whom.member, "layer": facts}


def note(op: Operation, dashboard: int, verb: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """Keep what a change made of what; part of the operation that is open."""
    row = Change(
        at=op.at, operation=op.name, verb=verb, entity=ENTITY, record_id=dashboard, actor=op.actor.label,
        membership_id=op.actor.doer_id, on_behalf_of=op.actor.on_behalf_of, old=dict(old), new=dict(new),
        reason=op.reason, request_id=op.actor.request_id, undoes=op.undoes,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row.id


def history(key: int, *, actor: Actor, limit: int = 50) -> list[tuple[Change, bool]]:
    """The newest changes of a dashboard that concern this person, each with whether they may take it back."""
    board = dashboards.find(key, actor=actor)
    if board.id == HOME:
        return []
    found = sa.select(Change).where(Change.entity == ENTITY, Change.record_id == board.id)
    rows = session.scalars(found.order_by(Change.id.desc()).limit(4 * limit)).all()
    return [(row, _may_undo(board, row, actor)) for row in rows if _concerns(row, actor)][:limit]


def _concerns(row: Change, actor: Actor) -> bool:
    return row.new.get("member") in (None, actor.membership_id)


def _may_undo(board: Board, row: Change, actor: Actor) -> bool:
    if row.new.get("member") is not None:
        return row.new["member"] == actor.membership_id
    return dashboards.may_change(board, actor) and row.verb != "create"


def undo(change_id: int, *, actor: Actor) -> int:
    """Take a change back, as a change of its own; the dashboard's place in an address. What was changed again since
    raises `Conflict`.
    """
    with operation("dashboard.undo", actor=actor, undoes=change_id) as op:
        schema.hold()
        change = session.scalars(sa.select(Change).where(Change.id == change_id, Change.entity == ENTITY)).one_or_none()
        row = None if change is None else session.scalar(sa.select(Dashboard).where(Dashboard.id == change.record_id))
        if change is None or row is None:
            raise NotFound()
        board = Board(row.id, row.name, row.audience, row.membership_id, row.team_id, row.home, _layers_of(row.id))
        if not dashboards.sees(board, actor) or not _concerns(change, actor):
            raise NotFound()
        if not _may_undo(board, change, actor):
            raise Forbidden("write", "view", _("This change is not yours to take back."))
        _back(row, board, change, op)
        op.audit(
            "dashboard.undone", entity=ENTITY, record_id=row.id, facts={"dashboard": row.name, "change": change.id}
        )
    return board.key


def _layers_of(dashboard: int) -> dict[Whom, Mapping[str, Any]]:
    found = session.scalars(sa.select(DashboardLayer).where(DashboardLayer.dashboard_id == dashboard))
    return {Whom(one.role_id, one.membership_id): one.facts for one in found}


def _back(row: Dashboard, board: Board, change: Change, op: Operation) -> None:
    old, new = dict(change.old), dict(change.new)
    if "layer" in new:
        whom = Whom(new["role"], new["member"])
        now = board.layers.get(whom)
        was, made, stands = (dashboards.layer(board, whom, facts) for facts in (old["layer"], new["layer"], now))
        facts = old["layer"] if now == new["layer"] else was.instead_of(made, stands).facts()
        _put(row.id, whom, facts)
        note(op, row.id, "update", _kept(whom, now), _kept(whom, facts))
        return
    present = {"name": row.name, "audience": row.audience, "deleted": _text(row.deleted_at)}
    if any(present[name] != value for name, value in new.items()):
        raise Conflict(_("This dashboard was changed again since. Nothing was undone; change it by hand."))
    row.name, row.audience = old.get("name", row.name), old.get("audience", row.audience)
    if "deleted" in old:
        row.deleted_at = None
    session.flush()
    schema.renew_workspace(scope.workspace_id())
    note(op, row.id, "restore" if "deleted" in old else "update", new, old)


def _text(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def told(board: Board, change: Change) -> str:
    """What a change of a dashboard did, in a line."""
    old, new = change.old, change.new
    if change.undoes is not None:
        return _("Took a change back")
    if "layer" not in new:
        words = {
            "create": _("Made the dashboard"),
            "delete": _("Deleted the dashboard"),
            "restore": _("Brought it back"),
        }
        return words.get(change.verb, _("Named it “{name}”", name=new.get("name", "")))
    if new["layer"] is None:
        return _("Went back to the usual arrangement")
    whom = Whom(new["role"], new["member"])
    return _told_of_layers(*(dashboards.layer(board, whom, facts["layer"]) for facts in (old, new)))


def _told_of_layers(old: Layer, new: Layer) -> str:
    for key, tile in new.tiles.items():
        if old.tiles.get(key) != tile:
            return (
                _("Changed the tile “{name}”", name=tile.title)
                if key in old.tiles
                else _("Added the tile “{name}”", name=tile.title)
            )
    gone = [tile.title for key, tile in old.tiles.items() if key not in new.tiles]
    if gone:
        return _("Took the tile “{name}” away", name=gone[0])
    if old.hidden != new.hidden:
        return _("Left a tile out") if len(new.hidden) > len(old.hidden) else _("Put a tile back")
    return _("Arranged the tiles")

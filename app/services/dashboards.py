"""Dashboards that people keep and share, and their arrangements: everybody's, a role's, and each person's own.

They are read once per workspace and process, as the schema is, so that a page asks nothing more for them. Does not
belong here: changing them (`app.services.dashboard_changes`), what tiles show (`app.services.tiles`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import NotFound
from app.services import schema
from app.services.arrangements import Layer, arranged, layer_of
from app.services.tiles import Tile
from models import scope
from models.base import session
from models.dashboard import Dashboard, DashboardLayer
from models.scope import Actor
from models.words import N_, _

TODAY = N_("Today")
# The address of the first page's dashboard, which may have no row yet.
HOME = 0


@dataclass(frozen=True, slots=True)
class Whom:
    """Whose arrangement: everybody's, a role's, or one member's."""

    role: int = 0
    member: int | None = None


ALL = Whom()


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard with its arrangements; `id` is `HOME` while the first page's has no row."""

    id: int
    name: str
    audience: str
    membership_id: int | None
    team_id: int | None
    home: bool
    layers: Mapping[Whom, Mapping[str, Any]]

    @property
    def key(self) -> int:
        """Its place in an address."""
        return HOME if self.home else self.id


_FIRST = Board(HOME, TODAY, "workspace", None, None, True, {})
_cache: dict[int, tuple[int, list[Board]]] = {}
_MOST_CACHED = 500


# Reading


def seen(*, actor: Actor) -> list[Board]:
    """The dashboards of this person, the first page's first."""
    every = _every()
    home = next((one for one in every if one.home), _FIRST)
    return [home, *(one for one in every if not one.home and sees(one, actor))]


def find(key: int, *, actor: Actor) -> Board:
    """One of them by its place in an address; raises `NotFound`."""
    found = next((one for one in seen(actor=actor) if key in (one.key, one.id)), None)
    if found is None:
        raise NotFound(_("This dashboard is gone, or was not shared with you."))
    return found


def may_share(actor: Actor) -> bool:
    """Whether this person sets what everybody has."""
    return any(permissions.reach(actor, "write", area) is not None for area in ("view", "custom_field"))


def may_change(board: Board, actor: Actor) -> bool:
    """Whether this person sets name and arrangement for all who have it: one's own, and with the right to share also
    what everybody has.
    """
    mine = board.membership_id is not None and board.membership_id == actor.membership_id
    return mine or (board.audience == "workspace" and may_share(actor))


def own(actor: Actor) -> Whom:
    return Whom(member=actor.membership_id)


def arrangeable(board: Board, actor: Actor) -> list[Whom]:
    """Whose arrangements of it this person may set, the usual one first; without the roles."""
    found = [] if board.audience == "private" or actor.membership_id is None else [own(actor)]
    if may_change(board, actor):
        found = [ALL, *found] if board.membership_id == actor.membership_id else [*found, ALL]
    return found


def stack(board: Board, whom: Whom, role: int | None) -> list[Layer]:
    """The arrangements that stand on each other, up to that of `whom`; `role` is theirs."""
    order = [ALL, *([Whom(role=role)] if role and board.audience == "workspace" else []), whom]
    order = order[: order.index(whom) + 1]
    return [layer(board, one, board.layers.get(one)) for one in order]


def layer(board: Board, whom: Whom, facts: Mapping[str, Any] | None) -> Layer:
    """An arrangement that was kept, or the usual one."""
    return layer_of(facts, base=whom == ALL and board.home)


def tiles(board: Board, *, actor: Actor) -> list[Tile]:
    """The tiles of a dashboard as this person has them."""
    return arranged(stack(board, own(actor), actor.role_id))


def sees(board: Board, actor: Actor) -> bool:
    """Whether this person has the dashboard."""
    if board.audience == "workspace" or (board.membership_id == actor.membership_id is not None):
        return True
    return board.audience == "team" and board.team_id is not None and board.team_id == actor.team_id


def _every() -> list[Board]:
    here, workspace = schema.current(), scope.workspace_id()
    if not here.mark:
        return []
    mark, found = _cache.get(workspace, (0, []))
    if mark != here.mark:
        if len(_cache) >= _MOST_CACHED:
            _cache.clear()
        found = _read()
        _cache[workspace] = (here.mark, found)
    return found


def _read() -> list[Board]:
    layers: dict[int, dict[Whom, Mapping[str, Any]]] = {}
    for one in session.scalars(sa.select(DashboardLayer)):
        layers.setdefault(one.dashboard_id, {})[Whom(one.role_id, one.membership_id)] = one.facts
    kept = sa.select(Dashboard).where(Dashboard.deleted_at.is_(None)).order_by(Dashboard.name, Dashboard.id)
    return [
        Board(
            row.id,
            TODAY if row.home else row.name,
            row.audience,
            row.membership_id,
            row.team_id,
            row.home,
            layers.get(row.id, {}),
        )
        for row in session.scalars(kept)
    ]

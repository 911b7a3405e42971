"""Changing fields in a list, and many records at once, as rights of their own: whoever has them now keeps them.

Built-in roles and those of brokerages, keys by their scopes, and the states of the set-up that one may go back to.
"""

import json
import zlib
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

from migrations.kinds import JSON
from migrations.rights import give, give_role
from migrations.walled import through_walls

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# What was no kind of record when this was made.
AREAS = frozenset({"workspace", "role", "job", "import", "api_key", "ai", "view", "approval", "audit"})
WORKING = ("owner", "admin", "broker", "agent", "assistant", "compliance")


def upgrade() -> None:
    give("bulk", dict.fromkeys(WORKING, ("write", "delete")))
    give("inline", dict.fromkeys(WORKING, ("write",)))
    for role, actions in _held_by_own_roles().items():
        for area, right in _following(actions):
            give_role(role, area, right)
    with through_walls() as here:
        _keys(here)
        _states(here)


def downgrade() -> None:
    menus = "select id from ab_view_menu where name in ('bulk', 'inline')"
    rights = f"select id from ab_permission_view where view_menu_id in ({menus})"
    op.execute(f"delete from ab_permission_view_role where permission_view_id in ({rights})")


def _following(actions: Iterable[str]) -> list[tuple[str, str]]:
    """The new rights that follow from actions on records, as (area, action)."""
    held = set(actions)
    return [
        (area, right) for area, right in (("inline", "write"), ("bulk", "write"), ("bulk", "delete")) if right in held
    ]


def _held_by_own_roles() -> dict[int, set[str]]:
    rows = op.get_bind().execute(
        sa.text(
            "select r.id, p.name, v.name from ab_role r "
            "join ab_permission_view_role l on l.role_id = r.id "
            "join ab_permission_view pv on pv.id = l.permission_view_id "
            "join ab_permission p on p.id = pv.permission_id "
            "join ab_view_menu v on v.id = pv.view_menu_id "
            "where r.workspace_id is not null and not r.builtin"
        )
    )
    found: dict[int, set[str]] = {}
    for role, permission, subject in rows:
        if subject not in AREAS:
            found.setdefault(role, set()).add(permission.partition(".")[0])
    return found


def _keys(here: sa.Connection) -> None:
    keys = sa.table("api_key", sa.column("id"), sa.column("scopes", JSON))
    for key, scopes in here.execute(sa.select(keys.c.id, keys.c.scopes)).all():
        named = [one.split(":", 1) for one in scopes]
        more = [f"bulk:{right}" for area, right in _following(a for e, a in named if e not in AREAS) if area == "bulk"]
        if fresh := [one for one in more if f"*:{one.partition(':')[2]}" not in scopes]:
            here.execute(sa.update(keys).where(keys.c.id == key).values(scopes=[*scopes, *fresh]))


def _states(here: sa.Connection) -> None:
    """A state that knows nothing of these rights would take them away on the way back."""
    states = sa.table("setup_state", sa.column("id"), sa.column("document", sa.LargeBinary()))
    for key in here.scalars(sa.select(states.c.id)).all():
        packed = here.scalar(sa.select(states.c.document).where(states.c.id == key))
        items = json.loads(zlib.decompress(packed))
        if items.get("roles"):
            _widen(items)
            text = json.dumps(items, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            here.execute(sa.update(states).where(states.c.id == key).values(document=zlib.compress(text.encode(), 9)))


def _widen(items: dict[str, Any]) -> None:
    ruled = [name.split("/") for name in items.get("rules", {})]
    for key, role in items["roles"].items():
        actions = {a for entity, held in role["rights"].items() if entity not in AREAS for a in held}
        actions |= {action for of, _entity, action in ruled if of == key}
        for area, right in _following(actions):
            role["rights"].setdefault(area, {})[right] = "workspace"

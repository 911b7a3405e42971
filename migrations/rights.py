"""Rights for the roles of workspaces that exist already."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from alembic import op

EVERY_ACTION = ("read", "write", "delete", "export")


def give(area: str, grants: Mapping[str, Collection[str]], reach: str = "workspace") -> None:
    """Give built-in roles (key -> actions) rights to an area, as far as `reach` says: as new workspaces start."""
    here = op.get_bind()
    roles = here.execute(sa.text("select id, key from ab_role where workspace_id is not null and builtin")).all()
    for action in EVERY_ACTION:
        for role, key in roles:
            if action in grants.get(key, ()):
                give_role(role, area, action, reach)


def give_role(role: int, area: str, action: str, reach: str = "workspace") -> None:
    """Give one role, by its id, one right."""
    here = op.get_bind()
    menu = _row(here, "ab_view_menu", name=area)
    permission = _row(here, "ab_permission", name=f"{action}.{reach}")
    held = _row(here, "ab_permission_view", permission_id=permission, view_menu_id=menu)
    _row(here, "ab_permission_view_role", permission_view_id=held, role_id=role)


def _row(here: sa.Connection, table: str, **facts: object) -> int:
    """The id of a row with these facts, made if there is none."""
    same = " and ".join(f"{name} = :{name}" for name in facts)
    find = sa.text(f"select id from {table} where {same}")
    found = here.execute(find, facts).scalar()
    if found is None:
        names, values = ", ".join(facts), ", ".join(f":{name}" for name in facts)
        made = f"insert into {table} ({names}) values ({values}) returning id"
        found = here.execute(sa.text(made), facts).scalar_one()
    return int(found)

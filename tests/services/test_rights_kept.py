"""Whoever changed records in lists and many at once before these were rights of their own does so after the update: in
built-in roles, in those of brokerages, by key, and in a state of the set-up that one goes back to.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from alembic import command

from app import permissions
from app.services import api_keys, roles
from app.services.operation import operation
from app.services.setup import document, states
from models import scope
from models.access import ApiKey
from models.base import session
from models.scope import Reach, Rule
from models.setup import SetupState
from models.user import User
from models.workspace import Membership
from tests import database_kit
from tests.database_kit import SYSTEM

BEFORE = "0026"
RULE = Rule('{"and":["source:is:fair"]}')
ROLES: dict[str, Any] = {
    "Writers": {"contact": {"read": Reach.TEAM, "write": Reach.OWN}},
    "Tidiers": {"task": {"read": Reach.TEAM, "delete": RULE}},
    "Readers": {"contact": {"read": Reach.WORKSPACE, "export": Reach.WORKSPACE}, "view": {"write": Reach.WORKSPACE}},
}
GAINED = {
    "Writers": {"bulk": {"write": Reach.WORKSPACE}, "inline": {"write": Reach.WORKSPACE}},
    "Tidiers": {"bulk": {"delete": Reach.WORKSPACE}},
    "Readers": {},
}
SCOPES = {
    "narrow": (["contact:read", "contact:write"], ["contact:read", "contact:write", "bulk:write"]),
    "wide": (["*:write", "task:delete"], ["*:write", "task:delete", "bulk:delete"]),
    "reading": (["*:read", "ai:write"], ["*:read", "ai:write"]),
}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def addresses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """(for the owner of the tables, for the application)"""
    if request.param == "sqlite":
        url = database_kit.sqlite(tmp_path)
        yield url, url
    else:
        with database_kit.postgres("crm_test_owner") as both:
            yield both


def of_earlier(given: dict[str, Any]) -> dict[str, Any]:
    return {entity: actions for entity, actions in given.items() if entity not in ("bulk", "inline")}


def test_an_update_takes_nothing_away(tmp_path: Path, addresses: tuple[str, str]) -> None:
    owner, url = addresses
    app = database_kit.make_app(tmp_path, url)
    with app.app_context():
        workspace = database_kit.found_workspace("harbour")
        with scope.inside(workspace):
            _furnish(workspace)
        session.remove()
    command.downgrade(database_kit.alembic(owner), BEFORE)
    with app.app_context(), scope.inside(workspace):
        assert _rights() == {**{name: dict(given) for name, given in ROLES.items()}, **_builtin(of_earlier)}
        session.remove()
    command.upgrade(database_kit.alembic(owner), "head")
    with app.app_context(), scope.inside(workspace):
        assert _rights() == {**{n: {**given, **GAINED[n]} for n, given in ROLES.items()}, **_builtin(dict)}
        assert {k.name: k.scopes for k in session.scalars(sa.select(ApiKey))} == {
            n: new for n, (_, new) in SCOPES.items()
        }
        kept = states.unpacked(
            session.scalars(sa.select(SetupState.document).order_by(SetupState.id.desc())).first() or b""
        )
        told = {role["label"]: role["rights"] for role in kept["roles"].values()}
        assert told["Writers"] == {"contact": {"read": "team", "write": "own"}} | _words(GAINED["Writers"])
        assert told["Tidiers"] == {"task": {"read": "team"}} | _words(GAINED["Tidiers"])
        with operation("role.note", actor=SYSTEM):
            pass
        assert states.packed(kept) == states.newest().document, "what is kept is in its normal form"  # type: ignore[union-attr]


def _furnish(workspace: int) -> None:
    with operation("workspace.furnish", actor=SYSTEM):
        made = roles.create_builtin(workspace)
        user = User(username="o", email="o@example.com", first_name="O", last_name="O", fs_uniquifier="o")
        session.add(user)
        session.flush()
        member = Membership(user_id=user.id, role_id=made["owner"].id, name="Olive Owen", email="o@example.com")
        session.add(member)
        session.flush()
        for name, (scopes, _) in SCOPES.items():
            api_keys.create(member, name, scopes, 30, actor=SYSTEM)
    for label, rights in ROLES.items():
        roles.create(label, rights, actor=SYSTEM)


def _rights() -> dict[str, Any]:
    return {
        role.label or "": {entity: dict(actions) for entity, actions in permissions.read_rights(role.id).items()}
        for role in roles.of_workspace()
    }


def _builtin(shape: Any) -> dict[str, Any]:
    return {
        label: {entity: dict(actions) for entity, actions in shape(rights).items() if actions}
        for label, rights in permissions.builtin_roles().values()
    }


def _words(rights: Any) -> dict[str, dict[str, str]]:
    return {entity: {action: str(reach) for action, reach in actions.items()} for entity, actions in rights.items()}


def test_a_file_of_an_earlier_version_gives_them_too() -> None:
    raw: dict[str, Any] = {
        "format": document.FORMAT, "version": 1,
        "roles": [{"key": key, "label": key, "rights": rights} for key, rights in (
            ("writers", {"contact": {"read": "team", "write": "own"}}),
            ("tidiers", {"task": {"read": "team"}, "role": {"write": "workspace"}}),
        )],
        "rules": {"tidiers": {"task": {"delete": {"and": [{"field": "type", "op": "is", "values": ["buyer"]}]}}}},
    }  # fmt: skip
    found, _ = document.read(orjson.dumps(raw))
    assert {key: set(role["rights"]) for key, role in found["roles"].items()} == {
        "writers": {"contact", "bulk", "inline"}, "tidiers": {"task", "role", "bulk"},
    }  # fmt: skip
    assert found["roles"]["writers"]["rights"]["bulk"] == {"write": "workspace"}
    assert found["roles"]["tidiers"]["rights"]["bulk"] == {"delete": "workspace"}
    now, _ = document.read(orjson.dumps(raw | {"version": 2}))
    assert set(now["roles"]["writers"]["rights"]) == {"contact"}, "today's files say it themselves"

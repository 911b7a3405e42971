"""What the tests and the soak of jobs share: a small application with one brokerage and people in two roles, no web
pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

import config
import models  # noqa: F401  maps every table
from app import permissions
from app.services.operation import operation
from jobs import dispatch
from models import crypto, scope
from models.base import Base, db, session
from models.scope import Actor, ActorKind
from models.user import Permission, PermissionView, Role, User, ViewMenu
from models.workspace import Membership, Workspace

SYSTEM = scope.system("Test")


def make_app(folder: Path, url: str | None = None, *, create: bool = True, **more: Any) -> Flask:
    """An application on a database of its own: `url`, or SQLite in `folder`."""
    environ = {"APP_ENV": "test", "DATA_DIR": str(folder), "DATABASE_URL": url or f"sqlite:///{folder / 'crm.sqlite3'}"}
    app = Flask("app")
    app.config.update(config.load(environ) | more)
    permissions._cache.clear()  # ids repeat from one database to the next
    crypto.use(crypto.Keyring(app.config["PEPPER"], app.config["DATA_KEYS"], signing=app.config["AUDIT_KEY"]))
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            sa.event.listen(db.engine, "connect", _pragmas)
        if create:
            Base.metadata.create_all(db.engine)
    dispatch.init(app)
    return app


def _pragmas(connection: Any, _record: Any) -> None:
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")


def found_workspace(slug: str = "harbor", **facts: Any) -> int:
    """A brokerage; returns its id."""
    with scope.across_workspaces("a test founds a brokerage"), operation("workspace.create", actor=SYSTEM):
        workspace = Workspace(slug=slug, name=f"{slug.title()} Realty", **facts)
        session.add(workspace)
        session.flush()
        return workspace.id


def join(workspace: int, name: str, role: str = "agent") -> Actor:
    """A member with one of the built-in roles; returns the actor as a request would."""
    with scope.across_workspaces("a test hires somebody"), operation("member.create", actor=SYSTEM):
        mail = f"{name.lower()}@{workspace}.example.com"
        user = User(first_name=name, last_name="Test", username=mail, email=mail, active=True)
        kept = Role(name=f"{workspace}:{name}", workspace_id=workspace, key=role, label=role, builtin=True)
        _grant(kept, role)
        session.add_all([user, kept])
        session.flush()
        member = Membership(
            workspace_id=workspace, user_id=user.id, role_id=kept.id, name=name, email=mail, active=True
        )
        session.add(member)
        session.flush()
        return Actor(
            ActorKind.USER,
            name,
            user_id=user.id,
            membership_id=member.id,
            role=role,
            rights=permissions.rights_of_role(kept.id, 1),
        )


def _grant(role: Role, key: str) -> None:
    session.add(role)
    for entity, actions in permissions.builtin_roles()[key][1].items():
        view = _known(ViewMenu, name=entity)
        for action, reach in actions.items():
            role.permissions.append(
                _known(PermissionView, permission=_known(Permission, name=f"{action}.{reach.value}"), view_menu=view)
            )
    session.flush()


def _known(model: Any, **facts: Any) -> Any:
    found = session.scalar(sa.select(model).filter_by(**facts)) or model(**facts)
    session.add(found)
    session.flush()
    return found

"""`flask user`: make an account in a workspace, and one-time sign-in links."""

from __future__ import annotations

from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from flask_security.utils import hash_password

from app.cli.output import prints
from app.errors import Invalid, NotFound
from app.services import accounts, passwords, workspaces
from models import scope

group = AppGroup("user", help="People and how they sign in.")


@group.command("create")
@click.option("--workspace", "slug", required=True, help="Short name of the workspace.")
@click.option("--email", required=True)
@click.option("--name", required=True)
@click.option("--role", default="agent", show_default=True, help="Key of the role: owner, admin, broker, agent ...")
@click.option("--password", default=None, help="Leave out to let the person in by a sign-in link or a reset.")
@prints
def create(slug: str, email: str, name: str, role: str, password: str | None) -> dict[str, Any]:
    """Make an account, or take an existing one, and add it to a workspace."""
    workspace = workspaces.by_slug(slug)
    if workspace is None:
        raise NotFound(f"There is no workspace “{slug}”.")
    actor = scope.system("Command line")
    hashed = hash_of(password, (email, name, workspace.name)) if password else None
    with scope.inside(workspace.id):
        user, member = workspaces.add_person(accounts.NewUser(name, email, hashed), role, actor=actor)
        return {
            "user": user.id,
            "membership": member.id,
            "email": user.email,
            "workspace": workspace.slug,
            "role": role,
        }


@group.command("operator")
@click.option("--email", required=True)
@click.option("--name", default="", help="Needed where there is no account with this address yet.")
@click.option("--off", is_flag=True, help="Take it back.")
@prints
def operator(email: str, name: str, off: bool) -> dict[str, Any]:
    """Let a person be granted support access by workspaces; alone it opens nothing."""
    actor = scope.system("Command line")
    user = accounts.find(email) or accounts.create_user(accounts.NewUser(name, email), actor=actor)
    accounts.set_operator(user, not off, actor=actor)
    return {"user": user.id, "email": user.email, "operator": user.operator}


@group.command("sign-in-link")
@click.option("--email", required=True)
@prints
def sign_in_link(email: str) -> dict[str, Any]:
    """Make a link that signs this person in once, within 15 minutes."""
    user = accounts.find(email)
    if user is None or not user.active:
        raise NotFound("There is no active account with this address.")
    token = accounts.make_sign_in_link(user, actor=scope.system("Command line"))
    return {"sign_in_link": f"{current_app.config['PUBLIC_URL']}/auth/link/{token}"}


def hash_of(password: str, context: tuple[str, ...]) -> str:
    """The hash of a password that follows the rules; raises `Invalid`."""
    problems = passwords.problems(password, context=context)
    if problems:
        raise Invalid({"password": " ".join(problems)})
    return str(hash_password(passwords.normalise(password)))

"""`flask workspace`: make a brokerage with its owner."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from app.cli.output import prints
from app.cli.users import hash_of
from app.services import accounts, workspaces
from models import scope

group = AppGroup("workspace", help="Brokerages.")


@group.command("create")
@click.option("--name", required=True)
@click.option("--owner-email", required=True)
@click.option("--owner-name", required=True)
@click.option("--password", default=None, help="Leave out to let the owner in by `flask user sign-in-link`.")
@click.option("--slug", default="", help="Short name for addresses; made from the name where left out.")
@prints
def create(name: str, owner_email: str, owner_name: str, password: str | None, slug: str) -> dict[str, Any]:
    """Make a workspace with its roles, pipeline, templates and owner; the owner may have an account already."""
    known = accounts.find(owner_email)
    hashed = hash_of(password, (owner_email, owner_name, name)) if password and known is None else None
    owner = known or accounts.NewUser(owner_name, owner_email, hashed)
    workspace, member = workspaces.provision_workspace(name, owner=owner, actor=scope.system("Command line"), slug=slug)
    return {"workspace": workspace.id, "slug": workspace.slug, "owner": member.email, "user": member.user_id}

"""`flask api-key`: make a key for a program."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import AppGroup

from app.cli.output import prints
from app.errors import NotFound
from app.services import api_keys, members, workspaces
from models import scope

group = AppGroup("api-key", help="Keys for programs.")


@group.command("create")
@click.option("--workspace", "slug", required=True)
@click.option("--email", required=True, help="The member whose rights bound the key's.")
@click.option("--scopes", required=True, help="Such as contact:read,contact:write or *:read.")
@click.option("--name", default="Command line", show_default=True)
@click.option("--days", default=365, show_default=True, type=click.IntRange(1, 3650))
@prints
def create(slug: str, email: str, scopes: str, name: str, days: int) -> dict[str, Any]:
    """Make a key and print it; it is shown this once."""
    workspace = workspaces.by_slug(slug)
    if workspace is None:
        raise NotFound(f"There is no workspace “{slug}”.")
    with scope.inside(workspace.id):
        member = members.by_email(email)
        wanted = [one.strip() for one in scopes.split(",") if one.strip()]
        made, key = api_keys.create(member, name, wanted, days, actor=scope.system("Command line"))
        return {"key": key, "id": made.id, "prefix": made.prefix, "scopes": made.scopes, "expires": made.expires_at}

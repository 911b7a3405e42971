"""`flask api-key`: make a key for a program, and replace it."""

from __future__ import annotations

import datetime as dt
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
    with scope.inside(_workspace(slug)):
        member = members.by_email(email)
        wanted = [one.strip() for one in scopes.split(",") if one.strip()]
        made, key = api_keys.create(member, name, wanted, days, actor=scope.system("Command line"))
        return {"key": key, "id": made.id, "prefix": made.prefix, "scopes": made.scopes, "expires": made.expires_at}


@group.command("rotate")
@click.option("--workspace", "slug", required=True)
@click.option("--key", "prefix", required=True, help="The visible part of the key, such as rec_1a2b3c4d5e6f.")
@click.option(
    "--overlap",
    default=24,
    show_default=True,
    type=click.IntRange(0, 720),
    help="Hours for which the old key still works.",
)
@prints
def rotate(slug: str, prefix: str, overlap: int) -> dict[str, Any]:
    """Make a key that takes the place of another, and print it; it is shown this once."""
    with scope.inside(_workspace(slug)):
        found = api_keys.by_prefix(prefix)
        actor = scope.system("Command line")
        old, new, text = api_keys.rotate(found.id, dt.timedelta(hours=overlap), actor=actor)
        return {
            "key": text, "id": new.id, "prefix": new.prefix, "scopes": new.scopes, "expires": new.expires_at,
            "old_prefix": old.prefix, "old_ends": old.expires_at,
        }  # fmt: skip


def _workspace(slug: str) -> int:
    workspace = workspaces.by_slug(slug)
    if workspace is None:
        raise NotFound(f"There is no workspace “{slug}”.")
    return workspace.id

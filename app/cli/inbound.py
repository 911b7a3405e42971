"""`flask inbound`: what came in and waits, one of them in full, and where it belongs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup

from app.cli.output import prints
from app.errors import NotFound
from app.services import workspaces
from app.services.inbound import operating
from models import scope

group = AppGroup("inbound", help="Incoming mail.")
_ACTOR = scope.system("Command line")


@group.command("list")
@click.option("--all", "every", is_flag=True, help="Also what is filed or discarded.")
@click.option("--most", default=operating.MOST, show_default=True, type=click.IntRange(1, 10_000))
@prints
def list_(every: bool, most: int) -> dict[str, Any]:
    """Show what waits for somebody, newest first, and how much of it there is."""
    return operating.counts() | {"mails": [asdict(one) for one in operating.kept(every=every, most=most)]}


@group.command("show")
@click.argument("received_id", type=int)
@click.option("--raw", is_flag=True, help="The whole message as it came, in place of what is read in it.")
@prints
def show(received_id: int, raw: bool) -> dict[str, Any]:
    """Show one kept mail, and what reading it says."""
    received, read = operating.show(received_id)
    if raw:
        return {"raw": (received.raw or b"").decode("utf-8", "replace")}
    names = ("id", "workspace_id", "mail_id", "via", "recipient", "size", "received_at", "discarded_reason")
    return {name: getattr(received, name) for name in names} | {"read": read}


@group.command("assign")
@click.argument("received_id", type=int)
@click.option("--workspace", "slug", required=True)
@click.option("--contact", "contact_id", type=int, help="File it under this contact.")
@click.option("--message", "message_id", type=int, help="It is about this e-mail.")
@prints
def assign(received_id: int, slug: str, contact_id: int | None, message_id: int | None) -> dict[str, Any]:
    """Place a mail of nobody in a workspace; or file one that waits in it under a contact or an e-mail."""
    workspace = workspaces.by_slug(slug)
    if workspace is None:
        raise NotFound(f"There is no workspace “{slug}”.")
    return operating.assign(received_id, workspace.id, actor=_ACTOR, contact_id=contact_id, message_id=message_id)


@group.command("discard")
@click.argument("received_id", type=int)
@click.option("--reason", required=True)
@prints
def discard(received_id: int, reason: str) -> dict[str, Any]:
    """Say that nothing follows from a mail. The message itself stays for its time."""
    operating.discard(received_id, reason, actor=_ACTOR)
    return {"discarded": received_id}


@group.command("read")
@click.argument("received_ids", type=int, nargs=-1)
@prints
def read(received_ids: tuple[int, ...]) -> dict[str, Any]:
    """Read mail now that no job has read, as while its workspace was suspended; all of it unless some is named."""
    domain = current_app.config["INBOUND_DOMAIN"]
    return {"read": operating.read_now(received_ids, actor=_ACTOR, domain=domain)}

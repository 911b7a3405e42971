"""`flask contacts`: import a file of contacts into a workspace, and export them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.exc import IntegrityError, OperationalError

from app.adapters import storage
from app.cli.output import prints
from app.errors import Conflict, Invalid, NotFound
from app.services import exports, members, values, workspaces
from app.services.imports import batches, run
from app.services.imports.reading import UnreadableFile, open_table
from app.services.operation import operation
from app.services.queries import ListQuery
from models import registry, scope
from models.base import session
from models.contact import Contact
from models.policy import Purpose
from models.privacy import ImportBatch
from models.scope import Actor
from models.workspace import Workspace

group = AppGroup("contacts", help="Contacts as files.")
_LARGEST = 512 * 1024 * 1024
_TRIES = 3


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--workspace", "slug", required=True, help="Short name of the workspace.")
@click.option(
    "--basis", required=True, help="Why you may keep these people's details, as in “consent: sign-in sheet, 3 May”."
)
@click.option(
    "--mapping", "mapping", default="{}", help='Columns that are something else than suggested: {"Mail": "email"}.'
)
@click.option("--on-match", type=click.Choice(list(batches.ON_MATCH)), default="fill", show_default=True)
@click.option("--owner", default="", help="E-mail of the member who gets the new contacts.")
@click.option(
    "--problems",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Where bad rows go; beside FILE where left out.",
)
@prints
def import_file(
    file: Path, slug: str, basis: str, mapping: str, on_match: str, owner: str, problems: Path | None
) -> dict[str, Any]:
    """Import a CSV or vCard file. Prints created, updated, skipped and errors; their sum is the rows read."""
    actor = scope.system("Command line")
    with scope.inside(_workspace(slug).id):
        store = storage.connect(current_app.config["STORAGE_URL"], purpose=Purpose.RUN_TRANSACTIONS)
        batch = _receive(file, store, basis, owner, actor)
        batches.choose(batch, _fields(mapping), on_match, actor=actor)
        bad = _work(batch.id, file, actor)
        key = store.put(bad.ready(), cap=_LARGEST).key if bad.count else None
        counts = batches.finish(batch.id, key, actor=actor)
        answer: dict[str, Any] = {**counts, "batch": batch.id, "problems": None}
    if bad.count:
        where = problems or file.with_name(f"{file.stem}.problems.csv")
        where.write_bytes(bad.ready().read())
        answer["problems"] = str(where)
    return answer


@group.command("export")
@click.option("--workspace", "slug", required=True)
@click.option("--format", "kind", type=click.Choice(["csv", "xlsx"]), default="csv", show_default=True)
@click.option("--output", type=click.File("wb"), default="-", help="A file; standard output where left out.")
def export(slug: str, kind: str, output: Any) -> None:
    """Write all contacts of a workspace as CSV or XLSX."""
    try:
        workspace = _workspace(slug)
    except NotFound as error:
        raise click.ClickException(error.message) from None
    locale = values.Locale(workspace.zone, workspace.region, workspace.currency)
    with scope.inside(workspace.id):
        query = ListQuery(Contact, columns=tuple(registry.writable(Contact)))
        for part in exports.export(query, kind, locale=locale, actor=scope.system("Command line")):
            output.write(part)


def _workspace(slug: str) -> Workspace:
    found = workspaces.by_slug(slug)
    if found is None:
        raise NotFound(f"There is no workspace “{slug}”.")
    return found


def _receive(file: Path, store: storage.Storage, basis: str, owner: str, actor: Actor) -> ImportBatch:
    def keep() -> str:
        with file.open("rb") as stream:
            return store.put(stream, cap=_LARGEST).key

    ground, words = batches.basis_of(basis)
    try:
        with open_table(file, file.name) as table:
            owner_id = members.by_email(owner).id if owner else None
            return batches.receive(
                table, file.name, basis=ground, words=words, keep=keep, actor=actor, owner_id=owner_id
            )
    except UnreadableFile as wrong:
        raise Invalid({"file": str(wrong)}) from None


def _work(batch_id: int, file: Path, actor: Actor) -> run.Problems:
    """Here no job runner tries again, so it is done here; rows written before the trouble are not written again."""
    for attempt in range(1, _TRIES + 1):
        try:
            with file.open("rb") as source:
                return run.work(
                    batch_id, source, actor=actor, step=lambda name: operation(name, actor=actor), progress=_show
                )
        except (IntegrityError, OperationalError):
            session.rollback()
            if attempt == _TRIES:
                raise
    raise Conflict("The import did not come to an end. Run it again; nothing is doubled.")


def _show(done: int, total: int, status: str) -> None:
    click.echo(status, err=True)


def _fields(text: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Invalid(
            {"mapping": 'The mapping is no JSON object of column names and fields. Example: {"Mail": "email"}'}
        )
    return found

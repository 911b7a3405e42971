"""`flask config`: the set-up of a workspace as a file, and bringing another workspace to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from app.cli.output import prints
from app.errors import DomainError, Invalid, NotFound
from app.services import workspaces
from app.services.setup import apply, capture, document, files, plan
from app.services.setup.plan import Plan, Step
from models import scope
from models.words import _

group = AppGroup("config", help="The set-up of a workspace as a file.")


@group.command("export")
@click.option("--workspace", "slug", required=True, help="Short name of the workspace.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), default=None, help="A file; standard output without."
)
@click.option("--json", "as_json", is_flag=True, help="With --output: tell of the file as one JSON object.")
def export(slug: str, output: Path | None, as_json: bool) -> None:
    """Write fields, layouts, rights, roles, pipelines, templates and shared views as one JSON document."""
    try:
        with scope.inside(_workspace(slug)):
            found = files.export(actor=scope.system("Command line"))
    except DomainError as error:
        raise click.ClickException(error.message) from None
    for words in found.left:
        click.echo(f"Left out: {words}", err=True)
    if output is None:
        click.echo(found.data, nl=False)
        return
    output.write_bytes(found.data)
    told = {"file": str(output), "bytes": len(found.data), "parts": list(found.parts), "left": list(found.left)}
    if as_json:
        click.echo(json.dumps(told))
    else:
        click.echo(f"{told['file']}: {told['bytes']} bytes")


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--workspace", "slug", required=True, help="Short name of the workspace.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--leave-out-problems", "leave", is_flag=True, help="Take what can be taken when something can't.")
@prints
def import_file(file: Path, slug: str, dry_run: bool, leave: bool) -> dict[str, Any]:
    """Bring a workspace to a file: all of it or nothing. What only the workspace has stays."""
    actor = scope.system("Command line")
    if file.stat().st_size > document.MOST_BYTES:
        raise Invalid({"file": _("This file is larger than 2 MB. No set-up is; choose the file that was exported.")})
    with scope.inside(_workspace(slug)):
        items, names = document.read(file.read_bytes())
        found = plan.of_file(capture.take(), items, names, actor=actor)
        apply.preview(found, None, actor=actor)
        problems = _problems(found)
        if problems and not dry_run and not leave:
            told = " ".join(f"{name}: {words}" for name, words in problems.items())
            raise Invalid({"file": _("Nothing was imported. {problems}", problems=told)})
        if not dry_run:
            found = apply.import_file(items, names, None, file.name, actor=actor)
    return _summary(found, dry_run)


def _summary(found: Plan, dry_run: bool) -> dict[str, Any]:
    done = [step for step in found.steps if not step.problem and step.verb != plan.REMOVE]
    return {
        "dry_run": dry_run,
        "added": [_name(step) for step in done if step.verb == plan.ADD],
        "changed": [_name(step) for step in done if step.verb == plan.CHANGE],
        "unchanged": found.same,
        "only_here": [_name(step) for step in found.steps if step.verb == plan.REMOVE],
        "problems": _problems(found),
    }


def _problems(found: Plan) -> dict[str, str]:
    return {_name(step): step.problem for step in found.steps if step.problem and step.verb != plan.REMOVE}


def _name(step: Step) -> str:
    return f"{step.part}: {step.name}"


def _workspace(slug: str) -> int:
    found = workspaces.by_slug(slug)
    if found is None:
        raise NotFound(_("There is no workspace “{slug}”.", slug=slug))
    return found.id

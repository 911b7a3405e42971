"""`flask audit`: check the audit log."""

from __future__ import annotations

import json
import sys

import click
from flask.cli import AppGroup

from app.services import audit_checks, workspaces
from app.services.chain_check import Report
from models import scope

group = AppGroup("audit", help="The audit log.")


@group.command("verify")
@click.option("--workspace", "slug", help="Check the chain of one workspace only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(slug: str | None, as_json: bool) -> None:
    """Check every entry, every chain and every signed end. Exit code 1 names the first bad entry of each chain."""
    only = None
    if slug is not None:
        workspace = workspaces.by_slug(slug)
        if workspace is None:
            raise click.ClickException(f"There is no workspace “{slug}”.")
        only = workspace.id
    report, seconds = audit_checks.look(only)
    with scope.across_workspaces("a check of the audit log is noted in each chain"):
        audit_checks.note(report, seconds, actor=scope.system("Command line"))
    click.echo(json.dumps(report.as_dict() | {"seconds": seconds}) if as_json else _words(report, seconds))
    if not report.ok:
        sys.exit(1)


def _words(report: Report, seconds: float) -> str:
    lines = [f"{report.entries:,} entries in {len(report.results)} chains checked in {seconds} s."]
    for found in report.problems:
        place = f"entry {found.sequence}" if found.sequence else "as a whole"
        row = f" (audit row {found.audit_id})" if found.audit_id else ""
        lines.append(f"Chain {found.chain}, {place}{row}: {found.what}.")
    if not report.copies:
        lines.append("No copies of the signed ends are kept outside the database on this machine.")
    lines.append("The audit log holds." if report.ok else "The audit log does not hold.")
    return "\n".join(lines)

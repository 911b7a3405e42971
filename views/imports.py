"""Import of contacts in the console: a file, its columns, a preview, the job, and what came of it."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any, BinaryIO

from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import jobs, uploads
from app.services.imports import batches, mapping, previews, run
from app.services.imports.previews import Line
from app.services.imports.reading import Table, UnreadableFile, open_table
from models import normal
from models.base import session
from models.contact import BASES
from models.privacy import ImportBatch
from models.words import N_, _, _n, grouped
from views import shell
from views.files import store
from views.jobs import card

pages = Blueprint("imports", __name__, url_prefix="/contacts/import")
Answer = str | Response | tuple[str, int]
_WHY = {
    "consent": N_("They agreed, and you can show when and how."),
    "contract": N_("They are clients, or asked you for something."),
    "legitimate_interest": N_(
        "You have a fair reason that they can expect, such as past clients you keep in touch with."
    ),
    "legal_obligation": N_("A law has you keep their details."),
    "attested": N_("Another ground; say which one below."),
}
_COLUMNS = (N_("Name"), N_("E-mail"), N_("Phone"), N_("Company"), N_("Tags"))
_VERDICTS = {"created": "create", "updated": "update", "skipped": "skip", "errors": "error"}
_JOINS = N_("The same person as in an earlier row")
_MB = 1024 * 1024
_NO_FILE = N_("Choose a file first.")
_AGAIN = N_("Choose the file once more: browsers do not keep it. What else you entered is still here.")


@pages.route("", methods=("GET", "POST"))
def upload() -> Answer:
    """Step 1: the file, and the ground on which these people's details may be kept (P8)."""
    actor = shell.actor()
    batches.permit(actor)
    if request.method == "GET":
        return _upload_page({}, {})
    basis, words = request.form.get("basis", ""), request.form.get("basis_note", "")
    given = request.files.get("file")
    try:
        with _opened(given) as table:
            made = batches.receive(
                table, _name(given), basis=basis, words=words, keep=lambda: _keep(given), actor=actor
            )
    except UnreadableFile as wrong:
        return _upload_page(dict(request.form), {"file": str(wrong), **batches.unattested(basis, words)}), 422
    except Invalid as wrong:
        return _upload_page(dict(request.form), {"file": _AGAIN, **wrong.fields}), 422
    return redirect(url_for(".show", key=made.id), 303)


@pages.route("/<int:key>", methods=("GET", "POST"))
def show(key: int) -> Answer:
    """Step 2, the columns, while nothing has begun; then how far the import is and what came of it."""
    batch = batches.get(key, actor=shell.actor())
    if batch.state != "mapping" and request.method == "GET":
        return _done_page(batch)
    if request.method == "GET":
        return _map_page(batch, {}, {})
    columns = [choice["column"] for choice in batch.mapping.get("choices", [])]
    wanted = {column: request.form.get(f"map-{at}", "") for at, column in enumerate(columns)}
    try:
        batches.choose(batch, wanted, request.form.get("on_match", "fill"), actor=shell.actor())
    except Invalid as wrong:
        return _map_page(batch, wanted, wrong.fields), 422
    if previews.in_a_job(batch):
        previews.ask(batch, actor=shell.actor())
    return redirect(url_for(".preview", key=key), 303)


@pages.route("/<int:key>/preview", methods=("GET", "POST"))
def preview(key: int) -> Answer:
    """Step 3: what would happen, decided row by row as the run will; nothing is changed. A large file has it made by a
    job, and posting here asks for it anew.
    """
    batch = batches.get(key, actor=shell.actor())
    if batch.state != "mapping":
        return redirect(url_for(".show", key=key), 303)
    if request.method == "POST":
        previews.ask(batch, actor=shell.actor())
        return redirect(url_for(".preview", key=key), 303)
    if previews.in_a_job(batch) or "preview" in batch.options:
        kept = previews.of(batch)
        if kept is None or kept.made_at is None:
            return _waiting_page(batch, kept)
        return _preview_page(batch, kept.counts, kept.lines, kept.made_at)
    with _source(batch) as source:
        found = run.preview(batch, source, actor=shell.actor())
    return _preview_page(batch, found.counts, [previews.line_of(outcome) for outcome in found.rows], None)


@pages.post("/<int:key>/start")
def start(key: int) -> Response:
    """Promise the job."""
    batches.start(batches.get(key, actor=shell.actor()), actor=shell.actor())
    return redirect(url_for(".show", key=key), 303)


@pages.get("/<int:key>/progress")
def progress(key: int) -> Response:
    """The card of the job while it moves, the preview's or the import's; once it has ended the page loads anew, with
    the counts.
    """
    batch = batches.get(key, actor=shell.actor())
    kept = previews.of(batch)
    if batch.state == "mapping" and kept is None:
        raise NotFound(_("This import has not been started yet."))
    shown = _card(batch, kept.job_id if kept is not None else batch.job_id)
    answer = make_response(render_template("parts/job_card.html", job=shown))
    if not shown["poll_url"]:
        answer.headers["HX-Refresh"] = "true"
    return answer


@pages.get("/<int:key>/problems.csv")
def problems(key: int) -> Response:
    """The rows with errors, to be mended and imported again: those of the run, or of the preview."""
    batch = batches.get(key, actor=shell.actor())
    if batch.problems_key:
        with _spooled(batch.problems_key) as kept:
            text = kept.read()
    elif batch.state == "mapping" and not previews.in_a_job(batch):
        with _source(batch) as source:
            text = run.preview(batch, source, actor=shell.actor()).problems.ready().read()
    else:
        raise NotFound(_("This import has no rows to mend."))
    name = _("{file} to mend", file=batch.file_name.rpartition(".")[0] or batch.file_name) + ".csv"
    return Response(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": uploads.content_disposition(name), "X-Content-Type-Options": "nosniff"},
    )


@pages.route("/<int:key>/undo", methods=("GET", "POST"))
def undo(key: int) -> Answer:
    """Take an import back, as far as nobody has worked on what it made."""
    batch = batches.get(key, actor=shell.actor())
    if request.method == "POST":
        outcome = batches.undo(batch, actor=shell.actor())
        if outcome.job is not None:
            shell.toast(_("The import is being taken back; watch it under Jobs"))
        else:
            shell.toast(_n("{n} contact moved to the bin", "{n} contacts moved to the bin", outcome.done))
        return redirect(url_for(".show", key=key), 303)
    count = len(batches.unchanged(batch, actor=shell.actor()))
    made = batches.counts_of(batch)["created"]
    return render_template(
        "confirm.html",
        title=_("Undo this import"),
        text=_(
            "Contacts that somebody has changed since stay, and so does what was filled in contacts you had before."
        ),
        counts=[
            (
                _("{n} of {all}", n=grouped(count), all=grouped(made)),
                _("imported contacts go to the bin"),
            )
        ],
        action=url_for(".undo", key=key),
        hidden=[],
        fields=[],
        verb=_("Move to the bin"),
        danger=True,
        cancel_url=url_for(".show", key=key),
        sample=[],
        blocked="" if count else _("Nothing is left to undo: its contacts were changed or deleted, or are not yours."),
        errors=[],
    )


def _upload_page(values: dict[str, Any], errors: dict[str, str]) -> str:
    zone = shell.locale().zone
    done = [
        {
            "label": b.file_name,
            "url": url_for(".preview" if previews.of(b) else ".show", key=b.id),
            "note": f"{shell.day(b.created_at, zone)}, {_note(b)}",
            "state": b.state,
        }
        for b in batches.past(actor=shell.actor())
    ]
    limit = current_app.config["UPLOAD_MAX_BYTES"] // _MB
    return render_template(
        "import_upload.html",
        title=_("Import contacts"),
        entity_label=_("contacts"),
        action=url_for(".upload"),
        values=values,
        errors=errors,
        bases=[(key, label, _WHY[key]) for key, label in BASES if key in _WHY],
        limits=_("CSV or vCard, up to {limit} MB", limit=limit),
        past=done,
        cancel_url="/contacts/",
    )


def _map_page(batch: ImportBatch, wanted: dict[str, str], errors: dict[str, str]) -> str:
    with _source(batch) as source, open_table(source) as table:
        samples = table.sample
    columns = []
    for at, choice in enumerate(mapping.Mapping.from_json(batch.mapping).choices):
        texts = [row[at].strip()[:60] for row in samples if at < len(row) and row[at].strip()]
        columns.append(
            {
                "index": at,
                "header": choice.column,
                "samples": list(dict.fromkeys(texts))[:3],
                "target": wanted.get(choice.column, choice.field),
                "sure": choice.confidence >= mapping.SURE,
                "error": errors.get(choice.column),
            }
        )
    general = [errors[name] for name in ("", "on_match") if name in errors]
    return _page(
        "import_map.html",
        batch,
        action=url_for(".show", key=batch.id),
        found=batch.options.get("found", ""),
        columns=columns,
        targets=[(_("Contact"), [(key, label) for key, label in mapping.targets().items() if key])],
        on_match=batch.options["on_match"],
        match_options=[(key, label, why) for key, (label, why) in batches.ON_MATCH.items()],
        back_url=url_for(".upload"),
        errors=general,
    )


def _waiting_page(batch: ImportBatch, kept: previews.Kept | None) -> str:
    """While the preview is being made, or where its job ended without one."""
    return _page(
        "import_previewing.html",
        batch,
        job=_card(batch, kept.job_id) if kept is not None else None,
        action=url_for(".preview", key=batch.id),
        back_url=url_for(".show", key=batch.id),
    )


def _preview_page(
    batch: ImportBatch, by_verdict: dict[str, int], lines: list[Line], made_at: dt.datetime | None
) -> str:
    said = batches.attestation(batch)
    ground = dict(BASES).get(said.basis, "") if said else ""
    counts = {short: by_verdict[verdict] for verdict, short in _VERDICTS.items()}
    zone = shell.locale().zone
    return _page(
        "import_preview.html",
        batch,
        action=url_for(".start", key=batch.id),
        counts={**counts, "rows": sum(counts.values())},
        columns=list(_COLUMNS),
        rows=[_row(line) for line in lines],
        back_url=url_for(".show", key=batch.id),
        errors_url=url_for(".problems", key=batch.id) if counts["error"] else None,
        basis_text=_("Lawful basis: {ground}. {words}", ground=ground, words=said.words) if said else "",
        made=shell.day(made_at, zone) if made_at is not None else "",
        again_action=url_for(".preview", key=batch.id),
    )


def _done_page(batch: ImportBatch) -> str:
    shown = _card(batch, batch.job_id)
    # Read after the job: a run that ends between the two would show as done and never bring its counts.
    session.refresh(batch)
    ended = batch.state in batches.ENDED
    counts = {**batches.counts_of(batch), "rows": batch.counts.get("rows", 0)} if ended else None
    return _page(
        "import_done.html",
        batch,
        job=shown,
        counts=counts,
        list_url="/contacts/",
        undo_url=url_for(".undo", key=batch.id) if _may_undo(batch) else None,
        again_url=url_for(".upload"),
        errors_url=url_for(".problems", key=batch.id) if batch.problems_key else None,
    )


def _card(batch: ImportBatch, job_id: int | None) -> dict[str, Any]:
    """A job's card; an import from the command line has none, and not everybody may see a colleague's job."""
    try:
        shown = card(jobs.get(job_id or 0, actor=shell.actor()))
    except NotFound:
        state = {"failed": "dead", "mapping": "waiting"}.get(batch.state, batch.state)
        return {
            "id": 0,
            "label": _("Import {file_name}", file_name=batch.file_name),
            "state": state,
            "percent": None,
            "note": _note(batch),
            "poll_url": None,
        }
    return {**shown, "poll_url": url_for(".progress", key=batch.id) if shown["poll_url"] else None}


def _may_undo(batch: ImportBatch) -> bool:
    created = batches.counts_of(batch)["created"]
    return bool(created) and permissions.reach(shell.actor(), "delete", "contact") is not None


def _note(batch: ImportBatch) -> str:
    if batch.state == "mapping":
        kept = previews.of(batch)
        return _("not started") if kept is None else _("preview ready") if kept.made_at else _("preview being made")
    counts = batches.counts_of(batch)
    words = {"created": _("new"), "updated": _("updated"), "skipped": _("skipped"), "errors": _("with errors")}
    return ", ".join(f"{number:,} {words[name]}" for name, number in counts.items() if number) or N_(batch.state)


def _row(line: Line) -> dict[str, Any]:
    phone = normal.show_phone(line.phone, shell.locale().region) if line.phone else ""
    return {
        "line": line.line,
        "verdict": _VERDICTS[line.verdict],
        "cells": [line.name, line.email, phone, line.company, ", ".join(line.tags)],
        "why": line.problem or (_("Already here") if line.contact_id else _JOINS if line.verdict == "updated" else ""),
        "url": f"/contacts/{line.contact_id}" if line.contact_id else None,
    }


def _page(template: str, batch: ImportBatch, **context: Any) -> str:
    return render_template(
        template, title=_("Import contacts"), entity_label=_("contacts"), filename=batch.file_name, **context
    )


def _opened(given: FileStorage | None) -> Table:
    if given is None or not given.filename:
        raise UnreadableFile(_NO_FILE)
    return open_table(given.stream, given.filename)  # type: ignore[arg-type]


def _name(given: FileStorage | None) -> str:
    return uploads.safe_name(given.filename or "contacts") if given is not None else "contacts"


def _keep(given: FileStorage | None) -> str:
    if given is None:
        raise UnreadableFile(_NO_FILE)
    cap = current_app.config["UPLOAD_MAX_BYTES"]
    if given.stream.seek(0, os.SEEK_END) > cap:
        raise Invalid(
            {
                "file": _(
                    "The file is larger than {cap} MB. Split it, then add the parts one after the other.",
                    cap=cap // _MB,
                )
            }
        )
    given.stream.seek(0)
    return store().put(given.stream, cap=cap).key  # type: ignore[arg-type]


def _source(batch: ImportBatch) -> BinaryIO:
    return _spooled(batch.storage_key)


def _spooled(key: str) -> BinaryIO:
    """Stored bytes; raises `NotFound` where they are gone, as after their time is over or a restore without files."""
    try:
        with store().open(key) as kept:
            return batches.spooled(kept)
    except (LookupError, ValueError):
        raise NotFound(batches.FILE_GONE) from None

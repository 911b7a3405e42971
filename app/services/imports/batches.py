"""An import as people handle it: the file received with its attested basis, columns chosen, started, looked at again.

Belongs here: the `import_batch` row and its states: mapping -> waiting -> running -> done | failed | cancelled; its
job, tried again, leads from the last two back to running. Does not belong here: rows and people (`run`), or where bytes
are kept: the caller stores the file and gives its key.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import files, jobs, verbs
from app.services.imports import mapping as mappings
from app.services.imports.deciding import VERDICTS, Terms
from app.services.imports.reading import Table
from app.services.operation import Operation, operation
from app.services.verbs import Outcome
from models import scope
from models.base import session
from models.contact import BASES, Contact
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.privacy import Attestation, ImportBatch
from models.scope import Actor, Reach
from models.words import N_, _, grouped
from models.workspace import Membership, Workspace

JOB = "contacts.import"
ON_MATCH = {
    "fill": (N_("Fill what is empty"), N_("Nothing that you have is replaced.")),
    "overwrite": (N_("Replace with the file"), N_("Where the file has a value, it wins. Nothing is emptied.")),
    "skip": (N_("Leave as it is"), N_("Only new people are added.")),
}
ENDED = ("done", "failed", "cancelled")
FILE_GONE = N_("The file of this import is no longer kept. Import it again from your computer.")
_IN_MEMORY = 8 * 1024 * 1024
_NO_BASIS = N_("Say on which ground you may keep these people’s details. Without it nothing is imported.")
_NO_WORDS = N_("Say where the list comes from, as in “Sign-in sheet of the open home on 3 May”.")


def permit(actor: Actor) -> None:
    """Raises `Forbidden` unless the actor may import contacts."""
    permissions.require(actor, "write", "import")
    permissions.require(actor, "write", "contact")


def receive(
    table: Table,
    file_name: str,
    *,
    basis: str,
    words: str,
    keep: Callable[[], str],
    actor: Actor,
    owner_id: int | None = None,
) -> ImportBatch:
    """Take in a file that opened as `table`, with the ground attested for it (P8). `keep` stores it and gives its key.

    `basis` is a key of BASES but "unknown", `words` say in the person's own words what the list is. Raises `Invalid`
    without them, and leaves an audit row of the refusal. The suggested mapping is on the batch.
    """
    permit(actor)
    _attested(basis, words, actor)
    _check_owner(owner_id, actor)
    total = sum(1 for _ in table.rows())
    with operation("import.receive", actor=actor) as op:
        batch = ImportBatch(
            file_name=file_name[:200] or "contacts",
            storage_key=keep(),
            kind=table.kind,
            membership_id=actor.membership_id,
            rows_read=total,
            mapping=mappings.suggest(table.columns, table.sample).to_json(),
            options={"basis": basis, "on_match": "fill", "owner_id": owner_id, "found": _found(table, total)},
        )
        session.add(batch)
        session.flush()
        session.add(
            Attestation(
                what="import",
                what_id=batch.id,
                basis=basis,
                words=words.strip(),
                membership_id=actor.membership_id,
                by=actor.label,
            )
        )
        _audit(op, "import.attest", batch, {"basis": basis, "rows": total})
    return batch


def unattested(basis: str, words: str) -> dict[str, str]:
    """What is missing of an attestation, by form field."""
    problems = {}
    if basis == "unknown" or basis not in dict(BASES):
        problems["basis"] = _NO_BASIS
    if not words.strip():
        problems["basis_note"] = _NO_WORDS
    elif len(words) > 2000:
        problems["basis_note"] = _("This has {n} characters; at most 2,000 fit.", n=grouped(len(words)))
    return problems


def basis_of(text: str) -> tuple[str, str]:
    """The ground a sentence names ("consent", "legitimate interest: past clients") and the sentence; else ground
    "attested".
    """
    said = text.casefold().replace("_", " ")
    for key, label in BASES:
        if key not in ("unknown", "attested") and (label.casefold() in said or key.replace("_", " ") in said):
            return key, text
    return ("attested" if text.strip() else "", text)


def get(batch_id: int, *, actor: Actor) -> ImportBatch:
    """An import of this workspace; raises `NotFound`. One's own, or any for those who may read every contact."""
    permit(actor)
    found = session.scalars(sa.select(ImportBatch).where(ImportBatch.id == batch_id, *_visible(actor))).one_or_none()
    if found is None:
        raise NotFound()
    return found


def past(*, actor: Actor, most: int = 10) -> list[ImportBatch]:
    """The newest imports first."""
    permit(actor)
    return list(
        session.scalars(sa.select(ImportBatch).where(*_visible(actor)).order_by(ImportBatch.id.desc()).limit(most))
    )


def attestation(batch: ImportBatch) -> Attestation | None:
    statement = sa.select(Attestation).where(Attestation.what == "import", Attestation.what_id == batch.id)
    return session.scalars(statement.order_by(Attestation.id.desc()).limit(1)).first()


def choose(batch: ImportBatch, fields: Mapping[str, str], on_match: str, *, actor: Actor) -> ImportBatch:
    """Set what columns become: `fields` maps column names to keys of `mapping.FIELDS`. Raises `Invalid`, per column."""
    permit(actor)
    _still_open(batch)
    chosen, problems = mappings.Mapping.from_json(batch.mapping), dict[str, str]()
    current = {choice.column: choice.field for choice in chosen.choices}
    for column, field in fields.items():
        try:
            chosen = chosen if current.get(column) == field else chosen.with_field(column, field)
        except ValueError as wrong:
            problems[column] = str(wrong)
    problems |= _twice(chosen)
    if on_match not in ON_MATCH:
        problems["on_match"] = _("Choose what happens to people who are already here.")
    if not problems and not chosen.identifies:
        problems[""] = _("No column holds a name, an e-mail or a phone. Choose at least one of them.")
    if problems:
        raise Invalid(problems)
    with operation("import.map", actor=actor) as op:
        forget_preview(op, batch)
        batch.mapping, batch.options = chosen.to_json(), {**batch.options, "on_match": on_match}
    return batch


def forget_preview(op: Operation, batch: ImportBatch) -> None:
    """The preview of the batch, if any, tells of other columns, or of what has begun. Its job is cancelled, its file
    goes.
    """
    asked = batch.options.get("preview", {})
    if asked and "made_at" not in asked:
        job = session.scalars(sa.select(Job).where(Job.id == asked["job_id"])).one_or_none()
        if job is not None and job.state in ("waiting", "running") and jobs.may_change(job, op.actor):
            jobs.cancel(job.id, actor=op.actor)
    if batch.problems_key:
        files.delete_bytes([batch.problems_key], op)
    batch.problems_key = None
    batch.options = {name: value for name, value in batch.options.items() if name != "preview"}


def start(batch: ImportBatch, *, actor: Actor) -> Job:
    """Promise the job that imports the file; asked for twice, it is one. Needs the attestation (P8)."""
    permit(actor)
    _still_open(batch)
    if not batch.storage_key:
        raise NotFound(FILE_GONE)
    said = attestation(batch)
    _attested(said.basis if said else "", said.words if said else "", actor)
    with operation("import.start", actor=actor) as op:
        job = op.promise(
            JOB,
            {"batch_id": batch.id},
            purpose=Purpose.RUN_TRANSACTIONS,
            label=_("Import {file_name}", file_name=batch.file_name),
            queue="bulk",
            dedupe=f"{JOB}:{batch.id}",
        )
        session.flush()
        forget_preview(op, batch)
        batch.state, batch.job_id = "waiting", job.id
        _audit(op, "import.start", batch, {"rows": batch.rows_read, "on_match": batch.options["on_match"]})
    return job


def finish(batch_id: int, problems_key: str | None, *, actor: Actor) -> dict[str, Any]:
    """The last words on an import, inside the caller's transaction; returns its counts."""
    with operation("import.finish", actor=actor) as op:
        batch = session.scalars(sa.select(ImportBatch).where(ImportBatch.id == batch_id)).one()
        batch.state, batch.finished_at, batch.problems_key = "done", now(), problems_key
        counts = counts_of(batch)
        _audit(op, "import.finish", batch, {**counts, "rows": batch.counts.get("rows", 0)})
    return counts


def ended(args: Mapping[str, Any], state: str, _reason: str) -> None:
    """Called where the job is given up; what was written stays, and the import can be started again from where it
    stopped.
    """
    batch = session.scalars(sa.select(ImportBatch).where(ImportBatch.id == int(args["batch_id"]))).one_or_none()
    if batch is not None and batch.state != "done":
        batch.state, batch.finished_at = ("cancelled" if state == "cancelled" else "failed"), now()


def unchanged(batch: ImportBatch, *, actor: Actor) -> list[int]:
    """The contacts this import made that nobody has changed, written to or worked on since, and that the actor may
    delete.
    """
    made = sa.select(Contact.id).where(Contact.source_ref == f"import:{batch.id}", Contact.version == 1)
    return list(session.scalars(permissions.restrict(made, Contact, actor, "delete").order_by(Contact.id)))


def undo(batch: ImportBatch, *, actor: Actor) -> Outcome:
    """Move what the import made to the bin, as far as it is `unchanged`: at once, or in a job when there are many.

    What it filled in contacts that were here before stays; their history shows each value and takes it back.
    """
    permit(actor)
    if batch.state not in ENDED:
        raise Conflict(_("This import has not ended. Wait for its end or cancel its job first."))
    with operation("import.undo", actor=actor) as op:
        wanted = unchanged(batch, actor=actor)
        _audit(op, "import.undo", batch, {"contacts": len(wanted)})
        return verbs.run(Contact, verbs.find("contact", "delete"), wanted, {}, actor=actor, by="import")


def counts_of(batch: ImportBatch) -> dict[str, int]:
    """created, updated, skipped, errors; their sum is the rows read so far."""
    return {name: int(batch.counts.get(name, 0)) for name in VERDICTS}


def terms_of(batch: ImportBatch, actor: Actor) -> Terms:
    """What holds for every row. New contacts belong to the chosen owner, else to the one who imports."""
    workspace = session.get(Workspace, scope.workspace_id())
    owner = batch.options.get("owner_id") or actor.membership_id
    team = actor.team_id if owner == actor.membership_id else permissions.members_team(owner)
    region = workspace.region if workspace is not None else "US"
    zone = workspace.zone if workspace is not None else "UTC"
    return Terms(f"import:{batch.id}", batch.options["basis"], batch.options["on_match"], region, owner, team, zone)


def spooled(stream: BinaryIO) -> BinaryIO:
    """The stream as one that can be read again from its start; on disk where it is large. The caller closes it."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (handed to the caller)
    shutil.copyfileobj(stream, file)
    file.seek(0)
    return file  # type: ignore[return-value]


def _attested(basis: str, words: str, actor: Actor) -> None:
    problems = unattested(basis, words)
    if problems:
        with operation("import.refuse", actor=actor) as op:
            op.audit("import.refuse", entity="import_batch", facts={"missing": sorted(problems)})
        raise Invalid(problems)


def _check_owner(owner_id: int | None, actor: Actor) -> None:
    """What one brings in must stay within one's own reach."""
    if owner_id is None or owner_id == actor.membership_id:
        return
    owner = session.scalars(sa.select(Membership).where(Membership.id == owner_id, Membership.active)).one_or_none()
    if owner is None:
        raise Invalid({"owner_id": _("Owner: there is no such member. Choose one from the list.")})
    how_far = permissions.require(actor, "write", "contact")
    if how_far is Reach.OWN or (how_far is Reach.TEAM and owner.team_id != actor.team_id):
        raise Forbidden("write", "contact", _("With your role you can only import contacts within your own reach."))


def _twice(chosen: mappings.Mapping) -> dict[str, str]:
    seen, problems = dict[str, str](), dict[str, str]()
    for choice in chosen.choices:
        if choice.field and choice.field not in mappings.REPEATED:
            if choice.field in seen:
                label = mappings.targets()[choice.field]
                problems[choice.column] = _(
                    "{label} already comes from “{column}”. Leave one of them out.",
                    label=label,
                    column=seen[choice.field],
                )
            seen[choice.field] = choice.column
    return problems


def _still_open(batch: ImportBatch) -> None:
    if batch.state != "mapping":
        raise Conflict(_("This import has been started already. Its page shows how far it is."))


def _visible(actor: Actor) -> list[Any]:
    everybody = permissions.reach(actor, "read", "contact") is Reach.WORKSPACE
    return [] if everybody else [ImportBatch.membership_id == actor.membership_id]


def _found(table: Table, total: int) -> str:
    if table.kind == "vcard":
        return _("vCard, {encoding}, {total} cards", encoding=table.encoding, total=grouped(total))
    words = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(table.delimiter, "")
    return (
        _("CSV, {words}, {encoding}, {total} rows", words=words, encoding=table.encoding, total=grouped(total))
        if words
        else _("CSV, {encoding}, {total} rows", encoding=table.encoding, total=grouped(total))
    )


def _audit(op: Operation, action: str, batch: ImportBatch, facts: dict[str, Any]) -> None:
    op.audit(action, entity="import_batch", record_id=batch.id, facts=facts)

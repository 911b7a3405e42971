"""Where an erased person is quoted by rows that are not about them: arguments and results of jobs, letters with a view,
saved searches, imports, and messages that wait for the next page.

What people wrote about them in the records of others is theirs and stays; a review finds it by search. Does not belong
here: rows about the person (`app.services.erasure`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa

from app.services import custom_purge, files, jobs, schema
from app.services.erasure_rows import FREE, Found
from app.services.imports.known import STEP
from app.services.operation import Operation
from models import registry, scope, tenancy
from models.access import UserSession
from models.audit import Change
from models.base import session
from models.contact import Contact
from models.fields import Kind
from models.job import Job
from models.message import Message
from models.privacy import ImportBatch
from models.view import SavedView
from models.words import _

_WHY = tenancy.reason("rows of this workspace that quote a person who is being erased")
# Shorter texts are in half of all rows, and tell of nobody by themselves.
SHORTEST = 4
_OVER = ("done", "failed", "dead", "refused", "cancelled")
# The job that names records in its arguments together with what was set in them.
_BULK = "records.bulk"
_NAMING = frozenset({Kind.EMAIL, Kind.PHONE})
# What the product itself writes on a record.
_OURS = registry.PLUMBING | {"storage_key", "mime", "sha256", "role", "cause_id", "occasion", "drafted_by"}


class Said:
    """The texts by which erased records can be known elsewhere: `names` tell who somebody is, as names, addresses and
    numbers do; `texts` are all that was written in them.
    """

    def __init__(self, names: Iterable[str], texts: Iterable[str]) -> None:
        self.names, self.texts = _folded(names), _folded(texts)

    def name(self, *values: Any) -> bool:
        """Whether a text, or a text within JSON, names the person."""
        return _quotes(values, self.names)

    def quote(self, *values: Any) -> bool:
        """Whether it repeats anything that was written of them."""
        return _quotes(values, self.texts)


def _folded(texts: Iterable[str]) -> list[str]:
    found = {text.casefold().strip() for text in texts}
    return sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)


def _quotes(values: Any, wanted: list[str]) -> bool:
    texts = _texts(values)
    return any(one in text for text in texts for one in wanted)


def _texts(value: Any) -> list[str]:
    """Every text in a value, in lower case."""
    if isinstance(value, str):
        return [value.casefold()]
    if isinstance(value, Mapping):
        return [text for pair in value.items() for one in pair for text in _texts(one)]
    return [text for one in value for text in _texts(one)] if isinstance(value, list | tuple) else []


def words(found: Found) -> Said:
    """What these records say; read before they are erased."""
    names, texts = set[str](), set[str]()
    for entity, ids in found.items():
        model: Any = registry.entities().get(entity)
        if model is None:
            continue
        known = {n: one for n, one in schema.every_known(model).items() if one.kind in FREE and n not in _OURS}
        own = [n for n, one in known.items() if not one.custom]
        title = registry.title_of(model) if entity == Contact.__tablename__ else ""
        columns = (model.__table__.c[name] for name in (*own, "custom"))
        mine = model.__table__.c.id.in_(ids)
        for *values, custom in session.execute(sa.select(*columns).where(mine), execution_options=_WHY):
            held = dict(zip(own, values, strict=True)) | (custom or {})
            said = {n: value for n, value in held.items() if n in known and isinstance(value, str)}
            texts.update(said.values())
            names.update(value for n, value in said.items() if n == title or known[n].kind in _NAMING)
    return Said(names, texts)


def imports_of(contact_id: int) -> list[int]:
    """The imports that brought or changed the person: their files hold the row."""
    contact, changes, batches = Contact.__table__, Change.__table__, ImportBatch.__table__
    here = scope.workspace_id()
    ref = session.scalar(sa.select(contact.c.source_ref).where(contact.c.id == contact_id), execution_options=_WHY)
    found = {int(ref.removeprefix("import:"))} if ref and ref.removeprefix("import:").isdigit() else set[int]()
    mine = (changes.c.workspace_id == here, changes.c.subject_id == contact_id, changes.c.operation == STEP)
    moments: Sequence[dt.datetime] = session.scalars(
        sa.select(changes.c.at).where(*mine).distinct(), execution_options=_WHY
    ).all()
    for moment in moments:
        during = (batches.c.created_at <= moment, sa.func.coalesce(batches.c.finished_at, moment) >= moment)
        found |= set(
            session.scalars(
                sa.select(batches.c.id).where(batches.c.workspace_id == here, *during), execution_options=_WHY
            )
        )
    return sorted(found)


def wipe(found: Found, said: Said, batches: Iterable[int], op: Operation) -> None:
    """Take the person out of what quotes them."""
    _jobs(found, said)
    _letters(said)
    _views(said)
    _notices(said)
    _imports(said, set(batches), op)


def _jobs(found: Found, said: Said) -> None:
    """Jobs that are over keep what they were and how they ended. One that is on its way needs its arguments."""
    table = Job.__table__
    names = ("args", "result", "label", "status", "error", "name")
    mine = (table.c.workspace_id == scope.workspace_id(), table.c.state.in_(_OVER))
    blank = {"args": {}, "result": {jobs.ERASED: True}, "label": "", "status": "", "error": None}
    for row in _rows(table, names, *mine):
        args = row.args if row.name == _BULK else {}
        touched = found.get(args.get("entity", ""), set()) & set(args.get("ids", ()))
        if touched or said.quote(*(getattr(row, name) for name in names)):
            _set(table, row.id, blank)


def _letters(said: Said) -> None:
    """Views by e-mail, which name the first records of a list to their reader."""
    table, changes, here = Message.__table__, Change.__table__, scope.workspace_id()
    mine = (table.c.workspace_id == here, table.c.contact_id.is_(None), table.c.cause_id.like("view:%"))
    for row in _rows(table, ("subject", "body"), *mine):
        if not said.name(row.subject, row.body):
            continue
        its = (changes.c.workspace_id == here, changes.c.entity == table.name, changes.c.record_id == row.id)
        session.execute(sa.delete(changes).where(*its), execution_options=_WHY)
        custom_purge.of_records(table, [row.id])
        session.execute(sa.delete(table).where(table.c.id == row.id), execution_options=_WHY)


def _views(said: Said) -> None:
    """A saved search for the person loses what names them."""
    table, changed = SavedView.__table__, False
    for row in _rows(table, ("name", "query"), table.c.workspace_id == scope.workspace_id()):
        pairs = parse_qsl(row.query, keep_blank_values=True)
        kept = [(name, value) for name, value in pairs if not said.name(value)]
        if kept != pairs or said.name(row.name):
            name = _("A saved view") if said.name(row.name) else row.name
            _set(table, row.id, {"query": urlencode(kept), "name": name})
            changed = True
    if changed:
        schema.renew_workspace(scope.workspace_id())


def _notices(said: Said) -> None:
    """Good news that no page has shown yet, and what else a session remembers for the next page."""
    table = UserSession.__table__
    for row in _rows(table, ("data",), table.c.workspace_id == scope.workspace_id()):
        left = {name: value for name, value in row.data.items() if not said.quote(value)}
        if left != row.data:
            _set(table, row.id, {"data": left})


def _imports(said: Said, batches: set[int], op: Operation) -> None:
    """A preview that names the person goes. So do the files of the imports that brought them: their row is in there."""
    table = ImportBatch.__table__
    names = ("options", "storage_key", "problems_key", "file_name")
    for row in _rows(table, names, table.c.workspace_id == scope.workspace_id()):
        if row.id not in batches and not said.name(row.options, row.file_name):
            continue
        options = {name: value for name, value in row.options.items() if name != "preview"}
        name = "contacts" if said.name(row.file_name) else row.file_name
        _set(table, row.id, {"options": options, "problems_key": None, "file_name": name})
        files.delete_bytes([key for key in (row.storage_key, row.problems_key) if key], op)


def _rows(table: sa.Table, names: Iterable[str], *where: Any) -> list[Any]:
    columns = (table.c[name] for name in names)
    return list(session.execute(sa.select(table.c.id, *columns).where(*where), execution_options=_WHY))


def _set(table: sa.Table, key: Any, values: Mapping[str, Any]) -> None:
    session.execute(sa.update(table).where(table.c.id == key).values(values), execution_options=_WHY)

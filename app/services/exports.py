"""A list as a file: the same rows and columns that its viewer may read, safe to open in a spreadsheet.

Streams with flat memory. Leaves an audit row with the view and the purpose before the first byte (P57, P64).
"""

from __future__ import annotations

import codecs
import datetime as dt
import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app import permissions
from app.services import queries, safe_csv, schema, values
from app.services.operation import operation
from app.services.queries import ListQuery
from models import registry, scope, words
from models.fields import Field, Kind
from models.policy import Purpose
from models.scope import Actor

_CHUNK = 5000
_TEXTS = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.EMAIL, Kind.PHONE, Kind.URL})
Column = Iterable[Any]


def export(query: ListQuery, kind: str, *, locale: values.Locale, actor: Actor) -> Iterator[bytes]:
    """The rows of `query` as "csv" (UTF-8 with BOM, RFC 4180) or "xlsx"; needs the right to export."""
    permissions.require(actor, "export", registry.permission_entity(query.model))
    workspace = scope.workspace_id()
    with operation(f"{query.model.__tablename__}.export", actor=actor) as op:
        facts = {
            "columns": list(query.columns),
            "sort": query.sort,
            "filters": len(query.filters),
            "search": bool(query.q),
            "format": kind,
            "purpose": Purpose.CREATE_ASSETS.value,
        }
        op.audit(f"{query.model.__tablename__}.export", entity=query.model.__tablename__, facts=facts)
    fields = schema.fields(query.model)
    with words.speaking(words.ENGLISH):
        head = [str(fields[name].label) for name in query.columns]
    makers = [_maker(fields[name], locale) for name in query.columns]
    lines = _lines(replace(query, cursor="", action="export"), makers, (workspace, scope.role()), actor)
    return _csv(head, lines) if kind == "csv" else _xlsx(head, lines)


def of_all_fields(query: ListQuery) -> ListQuery:
    """The same records with every field that the role in force sees, those that the brokerage added among them."""
    title = registry.title_of(query.model)
    known = {n: one for n, one in schema.readable(query.model).items() if one.kind is not Kind.JSON and n != title}
    return replace(query, columns=(title, *known))


def _lines(
    query: ListQuery, makers: list[Callable[[Column], Column]], place: tuple[int, int | None], actor: Actor
) -> Iterator[Iterable[tuple[Any, ...]]]:
    found = queries.stream(query, actor=actor, chunk=_CHUNK)
    while True:
        # Workspace and role hold for the reading alone: a generator left half-way must not leave them on its thread.
        with scope.inside(place[0]), scope.seen_as(place[1]):
            chunk = next(found, None)
        if chunk is None:
            return
        _, *columns = zip(*chunk, strict=True)
        # A file is in English whoever makes it, so that a colleague can import it.
        with words.speaking(words.ENGLISH):
            made = [make(column) for make, column in zip(makers, columns, strict=True)]
        yield zip(*made, strict=True)


def _maker(field: Field, locale: values.Locale) -> Callable[[Column], Column]:
    """Turns a column of values into cells: money in units, moments in the viewer's zone, choices as their labels."""
    if field.kind in _TEXTS:
        return lambda texts: texts
    if field.kind is Kind.CHOICE:
        labels: dict[Any, Any] = {key: str.__str__(label) for key, label in field.choices}
        return lambda keys: [labels.get(key, key) for key in keys]
    make = _plain(field, locale)
    return lambda column: [None if value is None else make(value) for value in column]


def _plain(field: Field, locale: values.Locale) -> Callable[[Any], Any]:
    if field.kind is Kind.MONEY:
        return lambda cents: Decimal(cents).scaleb(-2) if cents % 100 else cents // 100
    if field.kind is Kind.MOMENT:
        zone = locale.zone
        return lambda moment: moment.astimezone(zone).isoformat(" ", "minutes")[:16]
    if field.kind is Kind.DATE:
        return dt.date.isoformat
    if field.kind is Kind.BOOLEAN:
        return lambda value: "yes" if value else "no"
    if field.kind is Kind.NUMBER:
        return lambda number: number
    if field.kind is Kind.MULTI:
        return lambda chosen: values.to_text(field, chosen, locale)
    return str


def _csv(head: list[str], chunks: Iterator[Iterable[tuple[Any, ...]]]) -> Iterator[bytes]:
    yield codecs.BOM_UTF8 + safe_csv.lines([head])
    for chunk in chunks:
        yield safe_csv.lines(chunk)


def _xlsx(head: list[str], chunks: Iterator[Iterable[tuple[Any, ...]]]) -> Iterator[bytes]:
    """Spreadsheets are zip files, whose directory comes last: written to a temporary file, then streamed."""
    with tempfile.SpooledTemporaryFile(max_size=4 << 20) as file:
        safe_csv.workbook(file, head, (row for chunk in chunks for row in chunk))
        file.seek(0)
        while part := file.read(io.DEFAULT_BUFFER_SIZE * 8):
            yield part

"""A single field of a record in a form of its own: inside a cell of a table by script, as a page without.

What was typed stays when it is refused, and when somebody else changed the same field meanwhile. Does not belong here:
saving (`app.services.cells`).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Forbidden, Invalid
from app.services import cells, records, relatives, schema, values
from models import registry
from models.fields import Field, Kind
from models.words import _
from views import form_fields, forms, lists, shell
from views.redirects import back
from views.screen import Screen

Answer = str | Response | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """The field of a record that is being changed."""

    screen: Screen
    key: int
    name: str
    field: Field

    @property
    def url(self) -> str:
        return self.screen.url(self.key, f"cell/{self.name}")


def edit(screen: Screen, key: int, name: str) -> Answer:
    """The form of the field, and its saving."""
    actor = shell.actor()
    if not screen.may_edit(actor):
        raise Forbidden("write", registry.permission_entity(screen.model), "")
    permissions.require(actor, "write", "inline")
    record = records.load(screen.model, key, actor=actor, action="write")
    cell = Cell(screen, key, name, cells.field_of(screen.model, name))
    if request.method == "GET":
        text = values.to_input(cell.field, schema.value(record, name), shell.locale())
        return _form(cell, record, text, record.version)
    return _save(cell)


def _save(cell: Cell) -> Answer:
    text = "\n".join(request.form.getlist(cell.name))
    version = values.whole(request.form.get("version", ""))
    try:
        value = values.from_text(cell.field, text, shell.locale())
    except ValueError as error:
        return _again(cell, text, version, {cell.name: str(error)}, 422)
    try:
        record, batch = cells.change(
            cell.screen.model, cell.key, cell.name, value, version=version, actor=shell.actor()
        )
    except Invalid as error:
        return _again(cell, text, version, error.fields, 422)
    except Conflict as error:
        return _again(cell, text, error.version or None, {"": _told(cell, error)}, 409)
    return _saved(cell, record, batch)


def _saved(cell: Cell, record: Any, batch: str) -> Answer:
    shown = _shown(cell, schema.value(record, cell.name))
    title = str(getattr(record, cell.screen.title))
    undo = f"/changes/batch/{batch}/undo" if batch else None
    plain = _plain(cell, schema.value(record, cell.name))
    text = _("“{title:.60}”: {label} is {value} now", title=title, label=cell.field.label, value=plain or _("empty"))
    if request.headers.get("HX-Request"):
        messages = [{"text": text, "undo_url": undo}] if batch else []
        return render_template("cell_saved.html", shown=shown, messages=messages)
    if batch:
        shell.toast(text, undo)
    way = back(request.form.get("next"), cell.screen.url()).partition("#")[0]
    return redirect(f"{way}#r{cell.key}", 303)


def _again(cell: Cell, text: str, version: int | None, errors: dict[str, str], status: int) -> Answer:
    """The form with what was typed: the refused save rolled its transaction back, so the record is read anew."""
    record = records.load(cell.screen.model, cell.key, actor=shell.actor(), action="write")
    return _form(cell, record, text, record.version if version is None else version, errors), status


def _form(cell: Cell, record: Any, text: str, version: int, errors: dict[str, str] | None = None) -> str:
    problems = errors or {}
    typed = form_fields.Typed({cell.name: text}, errors={n: t for n, t in problems.items() if n == cell.name})
    drawn = form_fields.draw(cell.screen, cell.name, record, typed, forms.titles_of(cell.screen, typed))
    title = str(getattr(record, cell.screen.title))
    context = {
        "action": cell.url,
        "fields": [drawn],
        "hidden": [("version", str(version)), ("next", back(request.form.get("next") or _came_from(), ""))],
        "errors": [t for n, t in problems.items() if n != cell.name],
    }
    if request.headers.get("HX-Request"):
        return render_template("cell.html", **context)
    cancel = back(request.form.get("next") or _came_from(), cell.screen.url(cell.key))
    return render_template(
        "confirm.html",
        title=_("{label} of “{title:.60}”", label=cell.field.label, title=title),
        verb=_("Save"),
        cancel_url=cancel,
        **context,
    )


def _came_from() -> str:
    parts = urlsplit(request.referrer or "")
    return urlunsplit(("", "", parts.path, parts.query, "")) if parts.netloc == request.host else ""


def _told(cell: Cell, error: Conflict) -> str:
    """Who changed the field meanwhile, to what, and what to do."""
    if not error.clashes:
        return error.message
    theirs = _plain(cell, error.clashes[0].theirs) or _("empty")
    when = f"{error.when.astimezone(shell.locale().zone):%H:%M}" if error.when else _("the same moment")
    return _(
        "{who} set this to “{theirs}” ({when}), while you were editing. What you chose is still here: "
        "save again to keep it, or cancel to keep theirs.",
        who=error.who,
        theirs=theirs,
        when=when,
    )


def _plain(cell: Cell, value: Any) -> str:
    """A value in words."""
    if cell.field.kind is Kind.RELATION and value is not None:
        return _title(cell, value)
    return values.to_text(cell.field, value, shell.locale())


def _shown(cell: Cell, value: Any) -> Any:
    """The value as a cell of the table shows it."""
    if value is None or value == "":
        return ""
    if cell.field.kind is Kind.RELATION:
        value = _title(cell, value)
    loc = shell.locale()
    return lists.maker(cell.name, cell.field, loc, dt.datetime.now(loc.zone).date())(value)


def _title(cell: Cell, key: int) -> str:
    target = cell.field.target or ""
    return relatives.titles({(target, key)}, actor=shell.actor()).get((target, key), "")

"""How the fields that a workspace added are drawn in a form and read from it, where they differ from columns: several
choices, choices no longer offered, decimal places, files, and what is computed or only shown.

Does not belong here: the form itself (`views.forms`).
"""

from __future__ import annotations

from typing import Any

from flask import request

from app.services import relatives, schema, values
from app.services.upload_errors import UploadRefused
from models.fields import Field, Kind
from models.words import N_, _
from views import files, shell
from views.screen import Screen

_GONE = N_("(no longer offered)")


def drawn(one: Field, name: str, text: str, record: Any) -> dict[str, Any]:
    """What `parts/field.html` needs to know beyond a column's field."""
    if one.readonly:
        empty = _("Worked out when saved") if one.formula else _("Not set")
        return {"readonly": True, "display": _told(one, name, record) or empty, "hint": one.hint}
    if one.kind is Kind.MULTI:
        return several(one, text)
    if one.kind is Kind.CHOICE:
        return {"choices": _offered(one, {text})}
    if is_file(one):
        return {"kind": "stored_file", "wide": True}
    return {"step": f"{10**-one.places:.{one.places}f}"} if one.places else {}


def several(one: Field, text: str) -> dict[str, Any]:
    """A field of several choices; `text` has the chosen ones, one a line."""
    chosen = set(text.split("\n"))
    return {"value": chosen, "choices": _offered(one, chosen), "wide": True}


def _told(one: Field, name: str, record: Any) -> str:
    """The value of a field that is only shown."""
    found = schema.value(record, name) if record is not None else None
    if one.kind is Kind.RELATION and found is not None:
        key = (one.target or "", found)
        return relatives.titles({key}, actor=shell.actor()).get(key, f"#{found}")
    return values.to_text(one, found, shell.locale())


def _offered(one: Field, chosen: set[str]) -> tuple[tuple[str, str], ...]:
    """The choices of a form: those offered, and what the record has already."""
    return (*one.choices, *((key, f"{label} {_GONE}") for key, label in one.retired if key in chosen))


def is_file(one: Field) -> bool:
    return bool(one.custom) and one.target == "stored_file"


def has_files(screen: Screen) -> bool:
    """Whether the form sends files."""
    return any(is_file(one) for one in schema.added(screen.model).values())


def take_files(screen: Screen, record: Any, texts: dict[str, str], errors: dict[str, str]) -> None:
    """Keep the files of a form at once, so that an error elsewhere in it does not lose them."""
    for name, one in schema.added(screen.model).items():
        if not is_file(one) or one.readonly:
            continue
        given = request.files.get(f"{name}-file")
        if given is not None and given.filename:
            try:
                texts[name] = str(files.take(given, _place(screen, record), actor=shell.actor()).id)
            except UploadRefused as error:
                errors[name] = str(error)
        elif request.form.get(f"{name}-clear"):
            texts[name] = ""


def _place(screen: Screen, record: Any) -> dict[str, int]:
    """Whose file it is: the contact's or the deal's that the form is of; a new record has none yet."""
    if record is None or screen.entity not in ("contact", "deal"):
        return {}
    if screen.entity == "contact":
        return {"contact_id": record.id}
    return {"deal_id": record.id} | ({"contact_id": record.contact_id} if record.contact_id else {})

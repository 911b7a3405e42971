"""Generated create and edit forms: draws fields, reads what was typed, and never loses it.

Works without script: picks (`pick`, `picked`, `pick_clear`) and added rows (`add_row`) are submit buttons that bring
the form
back with everything typed. Does not belong here: saving (`app.services.record_forms`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import redirect, render_template, request
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from app.errors import Conflict, Forbidden, Invalid
from app.services import filters, kept, queries, record_forms, records, relatives, schema, values
from app.services.record_forms import ChildRow
from models import registry
from models.fields import Kind
from models.words import _
from views import custom_inputs, layout, shell
from views.form_fields import Typed, drawn_section, row_fields
from views.redirects import back
from views.screen import Screen, of, screens

_MOST_ROWS = 50
_MOST_ID = 2**62


def edit_form(screen: Screen, key: int | None) -> Response | str | tuple[str, int]:
    """GET and POST of a create (`key` None) or edit form."""
    actor = shell.actor()
    if not (screen.may_add(actor) if key is None else screen.may_edit(actor)):
        right = registry.permission_entity(screen.model)
        elsewhere = screen.hint if screen.can(actor, "write") else ""
        raise Forbidden("write", right, elsewhere)
    record = records.load(screen.model, key, actor=actor, action="write") if key is not None else None
    if request.method == "GET":
        return _page(screen, record, _stored(screen, record))
    typed = _read(screen, request.form)
    custom_inputs.take_files(screen, record, typed.texts, typed.errors)
    if {"pick", "picked", "pick_clear", "add_row"} & set(request.form):
        return _detour(screen, record, typed)
    return _save(screen, record, typed)


def _save(screen: Screen, record: Any, typed: Typed) -> Response | tuple[str, int]:
    clean, children = _clean(screen, typed), _clean_rows(screen, typed)
    if typed.errors:
        typed.errors = records.needed(screen.model, clean) | typed.errors
        return _page(screen, record, typed), 422
    key = record.id if record is not None else None
    version = values.whole(typed.version) if key is not None else None
    try:
        saved = record_forms.save(
            screen.model, key, clean, actor=shell.actor(), version=version, children=children, links=typed.links
        )
    except Invalid as error:
        typed.errors = error.fields
        return _page(screen, _again(screen, key), typed), 422
    except Conflict as error:
        typed.conflict, typed.version = error, str(error.version)
        return _page(screen, _again(screen, key), typed), 409
    # What was typed names it, and its identity is known: reading a saved record again would cost a statement.
    title = clean[screen.title] if screen.title in clean else getattr(saved, screen.title)
    shell.toast(_("{what} “{title:.60}” saved", what=screen.singular.capitalize(), title=str(title)))
    if request.form.get("again"):
        return redirect(screen.url(page="new"))
    return redirect(back(request.args.get("back"), screen.url(sa.inspect(saved).identity[0])))


def _again(screen: Screen, key: int | None) -> Any:
    """The record as it stands now: the failed save rolled its transaction back."""
    return None if key is None else records.load(screen.model, key, actor=shell.actor(), action="write")


def _stored(screen: Screen, record: Any) -> Typed:
    """The form as it opens: stored values, or defaults with what the address prefills."""
    loc, known = shell.locale(), schema.fields(screen.model)
    names = layout.fields(screen)
    if record is None:
        texts = {n: values.to_input(known[n], _default(screen.model, n), loc) for n in names}
        texts |= {n: v for n, v in request.args.items() if n in texts}
        if "owner_id" in texts and not texts["owner_id"] and shell.actor().membership_id:
            texts["owner_id"] = str(shell.actor().membership_id)
        return Typed(
            texts,
            {e: [] for s in screen.sections for e in s.children},
            {n: [] for n in filters.links(screen.model) if n in screen.form_fields},
        )
    texts = {n: values.to_input(known[n], schema.value(record, n), loc) for n in names}
    rows = _stored_rows(screen, record)
    known_links = filters.links(screen.model)
    titles = relatives.titles(_related_keys(screen, texts), actor=shell.actor(), linked=record if known_links else None)
    linked = {n: [k for e, k in titles if e == n] for n in known_links if n in screen.form_fields}
    titles |= {(known_links[e].target, k): title for (e, k), title in titles.items() if e in known_links}
    return Typed(texts, rows, linked, titles, version=str(record.version))


def _default(model: type[Any], name: str) -> Any:
    default = model.__table__.c[name].default if name in model.__table__.c else None
    return default.arg if default is not None and default.is_scalar else None


def _stored_rows(screen: Screen, record: Any) -> dict[str, list[dict[str, str]]]:
    loc = shell.locale()
    groups = {e: row_fields(e) for s in screen.sections for e in s.children}
    if not groups:
        return {}
    wanted = {e: tuple(known) for e, known in groups.items()}
    found = relatives.children(record, wanted, actor=shell.actor(), most=_MOST_ROWS)
    return {
        e: [
            {"id": str(row[0])} | {n: values.to_input(known[n], v, loc) for n, v in zip(known, row[1:], strict=True)}
            for row in found[e]
        ]
        for e, known in groups.items()
    }


def _read(screen: Screen, form: MultiDict[str, str]) -> Typed:
    typed = Typed(version=form.get("version", ""))
    # Several choices come as several parameters, one a line; any other field sends one.
    typed.texts = {n: "\n".join(form.getlist(n)) for n in layout.fields(screen)}
    for section in screen.sections:
        for entity in section.children:
            number = values.whole(form.get(f"{entity}-count", "0")) or 0
            typed.rows[entity] = [_read_row(form, entity, i) for i in range(min(number, _MOST_ROWS))]
    for name in filters.links(screen.model):
        if name in screen.form_fields:
            typed.links[name] = [key for v in form.getlist(name) if (key := values.whole(v)) is not None]
    return typed


def _read_row(form: MultiDict[str, str], entity: str, index: int) -> dict[str, str]:
    return {n: form.get(f"{entity}-{index}-{n}", "") for n in ("id", "DELETE", *row_fields(entity))}


def _clean(screen: Screen, typed: Typed) -> dict[str, Any]:
    clean, known = {}, schema.fields(screen.model)
    for name, text in typed.texts.items():
        choice = request.form.get(f"conflict-{name}")
        if choice == "theirs":
            continue
        try:
            clean[name] = values.from_text(known[name], text, shell.locale())
        except ValueError as error:
            typed.errors[name] = str(error)
    return clean


def _clean_rows(screen: Screen, typed: Typed) -> list[ChildRow]:
    found = []
    for entity, rows in typed.rows.items():
        known = row_fields(entity)
        for index, row in enumerate(rows):
            key = values.whole(row["id"])
            if key is None and (
                row["DELETE"] or not any(row[n].strip() for n, f in known.items() if f.kind is not Kind.CHOICE)
            ):
                continue
            clean = {}
            for name, one in known.items():
                try:
                    clean[name] = values.from_text(one, row[name], shell.locale())
                except ValueError as error:
                    if not row["DELETE"]:
                        typed.errors[f"{entity}-{index}-{name}"] = str(error)
            found.append(ChildRow(entity, index, key, clean, bool(row["DELETE"])))
    return found


def _detour(screen: Screen, record: Any, typed: Typed) -> Response | str:
    """A step without script: choose a related record, clear it, or add an empty row; everything typed comes along."""
    form = request.form
    if form.get("pick"):
        return _picker_page(screen, form)
    name, _, chosen = form.get("picked", "").partition("=")
    key = values.whole(chosen)
    if name in typed.links and key is not None:
        typed.links[name].append(key)
    elif name in typed.texts:
        typed.texts[name] = chosen
    if form.get("pick_clear") in typed.texts:
        typed.texts[form["pick_clear"]] = ""
    if form.get("add_row") in typed.rows:
        typed.rows[form["add_row"]].append({"id": "", "DELETE": ""} | dict.fromkeys(row_fields(form["add_row"]), ""))
    return _page(screen, record, typed)


def _picker_page(screen: Screen, form: MultiDict[str, str]) -> str:
    name = form["pick"]
    field_ = filters.filterable(screen.model).get(name)
    if field_ is None or field_.target not in screens():
        raise Invalid({name: _("There is nothing to choose for this field.")})
    other = of(field_.target)
    q = form.get("pick_q", "")
    found, more = queries.options(
        other.model, q, actor=shell.actor(), search=other.search, limit=20, extra=other.sub or None
    )
    carry = [(k, v) for k, v in form.items(multi=True) if not k.startswith("pick") and k != "csrf_token"]
    items = [{"id": r[0], "title": r[1], "sub": r[2] if len(r) > 2 else ""} for r in found]
    return render_template(
        "picker.html",
        title=_("Choose: {label}", label=field_.label),
        action=request.full_path.rstrip("?"),
        field=name,
        carry=carry,
        pick_q=q,
        items=items,
        more=more,
        search=q,
    )


def _page(screen: Screen, record: Any, typed: Typed) -> str:
    actor = shell.actor()
    name = str(getattr(record, screen.title)) if record is not None else ""
    titles = titles_of(screen, typed)
    labels = {n: f.label for n, f in filters.filterable(screen.model).items()}
    sections = [drawn_section(screen, s, record, typed, titles) for s in layout.sections(screen)]
    return render_template(
        "form.html",
        title=_("Edit {name:.80}", name=name) if record is not None else _("New {singular}", singular=screen.singular),
        action=request.full_path.rstrip("?"),
        cancel_url=back(request.args.get("back"), screen.url(record.id if record is not None else None)),
        version=typed.version or None,
        is_new=record is None,
        multipart=custom_inputs.has_files(screen),
        delete_url=screen.url(record.id, "delete") if record is not None and screen.may_delete(actor) else None,
        draft_key=f"{actor.user_id}:{request.path}",
        failed=bool(typed.errors or typed.conflict),
        sections=sections,
        errors=[
            {"field": n, "label": labels.get(n) or _row_label(n), "text": text} for n, text in typed.errors.items()
        ],
        conflict=_conflict(typed),
        duplicates=[],
        notes=[],
    )


def titles_of(screen: Screen, typed: Typed) -> dict[tuple[str, int], str]:
    """Names of everything the form refers to: what was read with the record, and the rest in one statement."""
    wanted = _related_keys(screen, typed.texts)
    wanted |= {
        (filters.links(screen.model)[n].target, k) for n, keys in typed.links.items() for k in keys if k < _MOST_ID
    }
    missing = wanted - set(typed.titles)
    return typed.titles | (relatives.titles(missing, actor=shell.actor()) if missing else {})


def _related_keys(screen: Screen, texts: dict[str, str]) -> set[tuple[str, int]]:
    relations = kept.derived(("relations", screen.model), lambda: _relations(screen))
    return {(relations[n], key) for n, v in texts.items() if n in relations and (key := values.whole(v)) is not None}


def _relations(screen: Screen) -> dict[str, str]:
    return {n: f.target or "" for n, f in schema.fields(screen.model).items() if f.kind is Kind.RELATION}


def _row_label(name: str) -> str:
    entity, _, rest = name.partition("-")
    known = row_fields(entity) if entity in registry.entities() else {}
    column = rest.partition("-")[2]
    return known[column].label if column in known else name


def _conflict(typed: Typed) -> dict[str, Any] | None:
    if typed.conflict is None:
        return None
    loc = shell.locale()
    when = typed.conflict.when.astimezone(loc.zone) if typed.conflict.when else None
    fields = [
        {"name": c.name, "label": c.label, "mine": str(c.mine or ""), "theirs": str(c.theirs or "")}
        for c in typed.conflict.clashes
    ]
    return {
        "who": typed.conflict.who or _("Somebody"),
        "when": f"{when:%H:%M %Z}" if when else _("the same moment"),
        "fields": fields,
    }

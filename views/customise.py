"""Customise: the fields of each kind of record, those that came with the product and those that the brokerage added.

Works without script: the choices of a field are rows that submit buttons add and move. Does not belong here: what a
definition must be (`app.services.custom_fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import custom_fields, custom_rework, formulas, records, schema, values
from models import custom, registry
from models.custom import CustomField
from models.fields import Field
from models.scope import Actor
from models.words import N_, _
from views import layout, shell
from views.screen import Screen, of, screens
from views.settings_kit import field, problems

pages = Blueprint("customise", __name__, url_prefix="/customise")
Answer = str | Response | tuple[str, int]
ICONS = {
    "text": "forms", "textarea": "file-text", "number": "scale", "money": "currency-dollar", "date": "calendar",
    "datetime": "calendar-event", "boolean": "circle-check", "choice": "selector", "multichoice": "checklist",
    "email": "at", "phone": "phone", "url": "world", "relation": "external-link", "file": "paperclip",
    "computed": "bolt",
}  # fmt: skip
_ABOUT = {
    "text": N_("One line, at most 200 characters"),
    "textarea": N_("Several lines"),
    "number": N_("Whole, or with decimal places"),
    "money": N_("In the brokerage's currency"),
    "date": N_("A day"),
    "datetime": N_("A day and a time"),
    "boolean": N_("A box to tick"),
    "choice": N_("One of a list"),
    "multichoice": N_("Any of a list"),
    "email": N_("An e-mail address"),
    "phone": N_("A phone number"),
    "url": N_("A link to a page"),
    "relation": N_("A contact, a deal, a person of yours"),
    "file": N_("A document or a picture"),
    "computed": N_("Worked out from other fields"),
}
_SPARE = 3


@pages.get("/")
def start() -> Response:
    return redirect("/customise/contact", 302)


@pages.get("/<entity>")
def show(entity: str) -> Answer:
    """The fields of an entity."""
    return _page(_screen(entity), None)


@pages.route("/<entity>/new", methods=("GET", "POST"))
def new(entity: str) -> Answer:
    """First the type, then the field."""
    screen, actor = _screen(entity), shell.actor()
    permissions.require(actor, "write", "custom_field")
    kind = request.values.get("kind", "")
    if kind not in dict(custom.KINDS):
        return _page(screen, {"title": _("New field"), "kinds": _kinds(screen)})
    if request.method == "GET" or _is_step():
        return _page(screen, _form(screen, None, kind, {}))
    try:
        made = custom_fields.define(entity, {"kind": kind, **_given(screen, kind)}, actor=actor)
    except Invalid as error:
        return _page(screen, _form(screen, None, kind, error.fields)), 422
    shell.toast(_("Field “{label}” added", label=made.label))
    return redirect(f"/customise/{entity}", 303)


@pages.route("/<entity>/<int:key>", methods=("GET", "POST"))
def edit(entity: str, key: int) -> Answer:
    screen, actor = _screen(entity), shell.actor()
    one = _load(entity, key, actor)
    if request.method == "GET" or _is_step():
        return _page(screen, _form(screen, one, one.kind, {}))
    given = _given(screen, one.kind)
    shape = {name: given.pop(name) for name in custom_fields.SHAPE if name in given}
    try:
        custom_fields.change(one.id, given, shape, version=values.whole(request.form.get("version", "")), actor=actor)
    except Invalid as error:
        return _page(screen, _form(screen, _load(entity, key, actor), one.kind, error.fields)), 422
    shell.toast(_("Field “{label}” saved", label=given["label"]))
    return redirect(f"/customise/{entity}", 303)


@pages.route("/<entity>/<int:key>/type", methods=("GET", "POST"))
def retype(entity: str, key: int) -> Answer:
    """Another type for a field: what it would do to the values, and then doing it."""
    screen, actor = _screen(entity), shell.actor()
    permissions.require(actor, "write", "custom_field")
    one = _load(entity, key, actor)
    kind = request.values.get("kind", "")
    if kind not in dict(custom.KINDS) or kind == one.kind:
        return _page(screen, {"title": _("Another type for {label}", label=one.label), "kinds": _kinds(screen, one)})
    shape = {"kind": kind} | {n: v for n, v in _given(screen, kind).items() if n in custom_fields.SHAPE}
    draft: dict[str, Any] = _form(screen, one, kind, {}) | {"retype": True}
    if request.method == "GET" or _is_step():
        return _page(screen, draft)
    try:
        after = custom_fields.described(shape, one)
    except Invalid as error:
        return _page(screen, draft | {"errors": problems(error.fields, {})}), 422
    if not request.form.get("confirmed"):
        before = schema.made(one)
        impact = custom_rework.preview(screen.model, one.key, before, after, shell.locale(), actor=actor)
        return _page(screen, _form(screen, one, kind, {}) | {"retype": True, "impact": impact})
    try:
        custom_fields.reshape(one.id, shape, actor=actor)
    except Invalid as error:
        return _page(screen, draft | {"errors": problems(error.fields, {})}), 422
    shell.toast(_("“{label}” is now of the type {type}", label=one.label, type=dict(custom.KINDS)[kind]))
    return redirect(f"/customise/{entity}/{one.id}", 303)


def _screen(entity: str) -> Screen:
    permissions.require(shell.actor(), "read", "custom_field")
    if entity not in custom_fields.customisable():
        raise NotFound()
    return of(entity)


def _load(entity: str, key: int, actor: Actor) -> CustomField:
    one: CustomField = records.load(CustomField, key, actor=actor)
    if one.entity != entity:
        raise NotFound()
    return one


def _page(screen: Screen, editor: Mapping[str, Any] | None) -> str:
    actor = shell.actor()
    own = {one.key: one for one in custom_fields.of_entity(screen.entity, actor=actor)}
    may = permissions.reach(actor, "write", "custom_field") is not None
    return render_template(
        "customise.html",
        title=_("Customise {label}", label=screen.label.lower()),
        entities=[
            {"label": of(n).label, "url": f"/customise/{n}", "current": n == screen.entity}
            for n in sorted(custom_fields.customisable(), key=lambda n: of(n).label)
            if of(n).group or n == screen.entity
        ],
        sections=_sections(screen, own, request.path),
        number=len(own),
        new_url=f"/customise/{screen.entity}/new" if may else None,
        may=may,
        editor=editor,
        base_url=f"/customise/{screen.entity}",
        layout_url=f"/customise/{screen.entity}/layout" if may else None,
        setup_url="/customise/setup" if may else None,
    )


def _sections(screen: Screen, own: Mapping[str, CustomField], here: str) -> list[dict[str, Any]]:
    """The fields as the form shows them, each with its type and, where it is the brokerage's own, its address."""
    known, kinds = schema.fields(screen.model), dict(custom.KINDS)
    found = []
    for section in layout.sections(screen):
        items = []
        for name in section.fields:
            one = known.get(name)
            definition = own.get(name)
            if one is None:
                continue
            kind = definition.kind if definition else one.kind.value
            url = f"/customise/{screen.entity}/{definition.id}" if definition else None
            items.append(
                {
                    "label": one.label,
                    "icon": ICONS.get(kind, "forms"),
                    "kind": kinds.get(kind, kind).lower(),
                    "url": url,
                    "current": url is not None and here.startswith(url),
                }
            )
        found.append({"title": section.title, "items": items})
    return found


def _kinds(screen: Screen, one: CustomField | None = None) -> list[dict[str, str]]:
    base = f"/customise/{screen.entity}/" + (f"{one.id}/type" if one else "new")
    return [
        {"label": label, "about": _ABOUT[kind], "icon": ICONS[kind], "url": f"{base}?kind={kind}"}
        for kind, label in custom.KINDS
        if one is None or kind not in (one.kind, "file", "relation", "computed")
    ]


def _form(screen: Screen, one: CustomField | None, kind: str, errors: Mapping[str, str]) -> dict[str, Any]:
    """The editor of a field. After a failed or an intermediate POST it holds what was typed."""
    shown = custom_fields.shows(kind)
    groups: list[dict[str, Any]] = [
        {"title": _("Field"), "fields": [*_basics(screen, one, errors), *_shape(screen, one, shown, errors)]},
        {"title": _("Privacy"), "fields": _privacy(screen, one, errors),
         "hint": _("Every field says what kind of data it holds, why, and for how long. It stands in the data map.")},
    ]  # fmt: skip
    labels = {f["name"]: f["label"] for group in groups for f in group["fields"]}
    base = f"/customise/{screen.entity}/"
    return {
        "title": one.label if one else _("New field: {type}", type=dict(custom.KINDS)[kind].lower()),
        "kind": kind,
        "kind_label": dict(custom.KINDS)[kind],
        "icon": ICONS[kind],
        "groups": groups,
        "options": _options(one, kind) if "options" in shown else None,
        "errors": problems(errors, labels),
        "action": request.path,
        "key": one.key if one else None,
        "version": one.version if one else None,
        "type_url": f"{base}{one.id}/type" if one and kind not in ("file", "relation", "computed") else None,
        "delete_url": f"{of('custom_field').url(one.id, 'delete')}?back=/customise/{screen.entity}" if one else None,
        "history_url": f"{of('custom_field').url(one.id)}?tab=history" if one else None,
        "names": _names(screen) if kind == "computed" else [],
    }


def _basics(screen: Screen, one: CustomField | None, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    value = _stored(one)
    titles = list(dict.fromkeys([*(s.title for s in layout.sections(screen)), layout.spoken(screen, "More")]))
    return [
        field("label", _("Label"), value=value("label", ""), errors=errors, required=True, max=80),
        field("section", _("Section"), value=layout.spoken(screen, value("section", "More")), errors=errors,
              required=True, max=60, hint=_("Of the form: {titles}, or a new one", titles=", ".join(map(str, titles)))),
        field("hint", _("Help under the field"), value=value("hint", ""), errors=errors, max=200, wide=True),
        field("position", _("Position"), kind="number", value=value("position", ""), errors=errors,
              hint=_("Lower stands first; empty for the end")),
        field("required", _("Required"), kind="boolean", value=value("required", False),
              hint=_("Asked for when a record is added, and where the field is set")),
        field("searchable", _("Found by search"), kind="boolean", value=value("searchable", False)),
    ]  # fmt: skip


def _shape(
    screen: Screen, one: CustomField | None, shown: frozenset[str], errors: Mapping[str, str]
) -> list[dict[str, Any]]:
    value, found = _stored(one), []
    if "target" in shown:
        choices = [(n, of(n).label) for n in custom_fields.customisable() if n in screens() and of(n).group]
        found.append(
            field("target", _("Links to"), kind="choice", value=value("target", ""), choices=choices, errors=errors,
                  required=True)
        )  # fmt: skip
    if "result" in shown:
        found.append(
            field("result", _("Gives"), kind="choice", value=value("result", "number"), choices=custom.RESULTS,
                  errors=errors, required=True)
        )  # fmt: skip
    if "formula" in shown:
        found.append(
            field("formula", _("Formula"), kind="textarea", rows=3, value=value("formula", ""), errors=errors,
                  required=True, max=500, hint=_("Such as price * 0.03, or if(price > 500000, \"high\", \"low\")"))
        )  # fmt: skip
    if "places" in shown:
        found.append(
            field("places", _("Decimal places"), kind="number", value=value("places", 0), errors=errors, min=0, max=6)
        )
    return found


def _privacy(screen: Screen, one: CustomField | None, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    """A new field begins with the tags of the records it is added to."""
    value, policy = _stored(one), screen.model.policy
    return [
        field("category", _("Data category"), kind="choice", choices=custom.CATEGORIES, errors=errors, required=True,
              value=value("category", policy.category.value)),
        field("purpose", _("Purpose"), kind="choice", choices=custom.PURPOSES, errors=errors, required=True,
              value=value("purpose", policy.purpose.value)),
        field("keep", _("Kept"), kind="choice", choices=custom.RETENTIONS, errors=errors, required=True,
              value=value("keep", "record")),
        field("personal", _("Tells something of a person"), kind="boolean", value=value("personal", True),
              hint=_("Then its values are encrypted in the audit log under the person's key")),
    ]  # fmt: skip


def _stored(one: CustomField | None) -> Any:
    return lambda name, default: default if one is None else getattr(one, name) or default


def _options(one: CustomField | None, kind: str) -> list[dict[str, str]]:
    """The rows of choices: as typed, or as stored, with some empty ones below."""
    if request.method == "POST" and request.form.get("options-count"):
        rows = _moved(_typed_options())
    else:
        stored = (one.options if one and one.kind in ("choice", "multichoice") else None) or []
        rows = [{"key": o["key"], "label": o["label"]} for o in stored if not o.get("retired")]
    return [*rows, *({"key": "", "label": ""} for _ in range(_SPARE))]


def _typed_options() -> list[dict[str, str]]:
    number = min(values.whole(request.form.get("options-count", "0")) or 0, custom_fields.MOST_OPTIONS + _SPARE)
    rows = [
        {"key": request.form.get(f"options-{i}-key", ""), "label": request.form.get(f"options-{i}-label", "")}
        for i in range(number)
    ]
    return [row for row in rows if row["label"].strip()]


def _moved(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    at = values.whole(request.form.get("up", ""))
    if at is not None and 0 < at < len(rows):
        rows[at - 1], rows[at] = rows[at], rows[at - 1]
    return rows


def _is_step() -> bool:
    """Whether a button only changes the form: moves a choice or makes room for more."""
    return request.method == "POST" and bool({"up", "more"} & set(request.form))


def _given(screen: Screen, kind: str) -> dict[str, Any]:
    """The facts of a definition as the form sends them; what is no number is left to the service to refuse."""
    form = request.form
    found: dict[str, Any] = {n: form.get(n, "").strip() for n in ("label", "hint", "section", "category", "purpose",
                                                                  "keep")}  # fmt: skip
    found |= {name: form.get(name) == "1" for name in ("required", "searchable", "personal")}
    found["section"] = layout.as_kept(screen, found["section"])
    found["hint"] = found["hint"] or None
    found["position"] = values.whole(form.get("position", "").strip()) or 0
    shown = custom_fields.shows(kind)
    if "options" in shown:
        found["options"] = [(row["key"] or None, row["label"]) for row in _typed_options()]
    for name in ("target", "result", "formula"):
        if name in shown:
            found[name] = form.get(name, "").strip() or None
    if "places" in shown:
        places = form.get("places", "").strip() or "0"
        found["places"] = number if (number := values.whole(places)) is not None else -1
    return found


def _names(screen: Screen) -> list[tuple[str, str]]:
    """What a formula can name."""
    known: Mapping[str, Field] = formulas.usable(schema.fields(registry.entity(screen.entity)))
    return [(name, one.label) for name, one in known.items()]

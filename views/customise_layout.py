"""Laying out an entity: labels and help, sections and order, required fields, conditions, columns; for everybody or for
one role, with a preview of what a role gets.
"""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid, NotFound
from app.services import custom_fields, filters, layouts, roles, schema, values
from models import scope
from models.scope import Actor
from models.words import _
from views import layout, shell
from views.customise import pages
from views.form_fields import blank_sections
from views.list_state import shown_columns
from views.screen import Screen, of

Answer = str | Response | tuple[str, int]


@pages.route("/<entity>/layout", methods=("GET", "POST"))
def arrange(entity: str) -> Answer:
    """The table of fields with where and how each is shown."""
    actor = shell.actor()
    permissions.require(actor, "write", "custom_field")
    screen = _screen(entity)
    role_id = values.whole(request.values.get("role", "")) or 0
    if role_id:
        roles.get(role_id)
    if request.method == "GET":
        return _page(screen, role_id, actor, {})
    try:
        facts = {} if request.form.get("reset") else _typed(screen)
        layouts.save(entity, role_id, facts, actor=actor)
    except Invalid as error:
        return _page(screen, role_id, actor, error.fields), 422
    shell.toast(_("Layout taken back") if request.form.get("reset") else _("Layout saved"))
    return redirect(request.path + (f"?role={role_id}" if role_id else ""), 303)


@pages.get("/<entity>/preview")
def preview(entity: str) -> str:
    """The form and the columns of a list as a role gets them; nothing can be saved here."""
    actor = shell.actor()
    permissions.require(actor, "read", "role")
    screen = _screen(entity)
    role = roles.get(values.whole(request.args.get("role", "")) or actor.role_id or 0)
    with scope.seen_as(role.id):
        sections = blank_sections(screen)
        known = schema.fields(screen.model)
        columns = [known[name].label for name in shown_columns(screen)]
    return render_template(
        "customise_preview.html",
        title=_("{records} as {role}", records=screen.label, role=permissions.spoken(role.label)),
        back_url=f"/customise/{entity}/layout",
        roles=[
            {"label": r.label, "url": f"/customise/{entity}/preview?role={r.id}", "current": r.id == role.id}
            for r in roles.of_workspace()
        ],
        sections=sections,
        columns=columns,
    )


def _screen(entity: str) -> Screen:
    if entity not in custom_fields.customisable():
        raise NotFound()
    return of(entity)


def _page(screen: Screen, role_id: int, actor: Actor, errors: dict[str, str]) -> str:
    facts = layouts.of(screen.entity, role_id) if not errors else _typed(screen)
    base = f"/customise/{screen.entity}/layout"
    return render_template(
        "customise_layout.html",
        title=_("Layout of {label}", label=screen.label.lower()),
        fields_url=f"/customise/{screen.entity}",
        preview_url=f"/customise/{screen.entity}/preview" + (f"?role={role_id}" if role_id else ""),
        action=base,
        role=role_id,
        tabs=[
            {"label": _("Everybody"), "url": base, "current": not role_id},
            *(
                {"label": r.label, "url": f"{base}?role={r.id}", "current": r.id == role_id}
                for r in roles.of_workspace()
            ),
        ],
        rows=_rows(screen, facts, errors),
        conditions=layouts.choosable(screen.model),
        is_own=bool(layouts.of(screen.entity, role_id)),
        errors=list(errors.values()),
    )


def _rows(screen: Screen, facts: Any, errors: dict[str, str]) -> list[dict[str, Any]]:
    """A row for each field in the order of the form, with the present facts of this layout."""
    known, links = schema.every(screen.model), filters.links(screen.model)
    labels, required = facts.get("labels", {}), set(facts.get("required", ()))
    columns = list(facts.get("columns", ())) or [n for n in shown_columns(screen) if n != screen.title]
    places = [(title, name) for title, names in facts.get("sections", ()) for name in names]
    if not places:
        places = [(s.title, name) for s in layout.sections(screen) for name in s.fields]
    named = {name for _, name in places}
    places += [("", n) for n, one in known.items() if n not in named and not one.readonly and not one.secret]
    shown = set(columns) | {name for _, name in places}
    places += [("", n) for n in known if n in shown and n not in named and n not in {p for _, p in places}]
    rows = []
    for number, (section, name) in enumerate(places, 1):
        one = known.get(name)
        label, hint = labels.get(name, ("", ""))
        rows.append(
            {
                "name": name,
                "was": one.label if one else links[name].label,
                "label": label,
                "hint": hint,
                "hint_was": one.hint if one else "",
                "section": section,
                "position": number * 10 if section else "",
                "required": name in required,
                "always": one is not None and not one.custom and schema.is_required(screen.model, name),
                "fixed": one is None or one.readonly,
                "column": columns.index(name) + 1 if name in columns else "",
                "listed": one is not None and name != screen.title,
                "when": facts.get("when", {}).get(name, ""),
                "error": errors.get(name, ""),
            }
        )
    return rows


def _typed(screen: Screen) -> dict[str, Any]:
    """The facts that the form sends. Sections stand in the order of their first field."""
    form = request.form
    names = [n for n in (*schema.every(screen.model), *filters.links(screen.model)) if f"position-{n}" in form]
    order = sorted(names, key=lambda n: (values.whole(form[f"position-{n}"].strip()) or 10**6, names.index(n)))
    sections: dict[str, list[str]] = {}
    for name in order:
        title = layout.as_kept(screen, " ".join(form.get(f"section-{name}", "").split()))
        if title:
            sections.setdefault(title, []).append(name)
    columns = {n: place for n in names if (place := values.whole(form.get(f"column-{n}", "").strip()))}
    default = [(s.title, list(s.fields)) for s in layout.sections(screen)]
    arranged = list(sections.items())
    return {
        "labels": {n: [form.get(f"label-{n}", "").strip(), form.get(f"hint-{n}", "").strip()] for n in names},
        "sections": arranged if arranged != default else [],
        "required": [n for n in names if form.get(f"required-{n}")],
        "columns": sorted(columns, key=lambda n: columns[n]),
        "when": {n: text for n in names if (text := form.get(f"when-{n}", ""))},
    }

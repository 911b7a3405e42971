"""The filters of a list: chips that say what is asked, the editor of one filter, and folding it back into the URL."""

from __future__ import annotations

from typing import Any

from flask import redirect, request
from werkzeug.wrappers import Response

from app.errors import Invalid
from app.services import conditions, filters, relatives, values
from models.fields import Kind
from models.words import _
from views import shell
from views.list_state import State
from views.screen import screens


def fold(state: State, args: Any) -> Response | str:
    try:
        made = filters.build(state.screen.model, args["ff"], args.get("fo", ""), args.getlist("fv"), shell.locale())
    except Invalid as error:
        return next(iter(error.fields.values()))
    kept = list(state.filters)
    place = values.whole(args.get("fi", ""))
    if place is not None and place < len(kept):
        kept[place] = made
    else:
        kept.append(made)
    pairs = [("f", f.text(state.screen.model, shell.locale())) for f in kept] + state.pairs(without=frozenset({"f"}))
    return redirect(state.url(pairs))


def chips(state: State) -> list[dict[str, Any]]:
    model, loc = state.screen.model, shell.locale()
    known = filters.filterable(model)
    wanted = {
        (known[f.field].target or "", v)
        for f in state.filters
        if known[f.field].kind is Kind.RELATION
        for v in f.values
    }
    titles = relatives.titles(wanted, actor=shell.actor()) if wanted else {}
    drawn: list[dict[str, Any]] = []
    for index, one in enumerate(state.filters):
        others = tuple(f for i, f in enumerate(state.filters) if i != index)
        rest = [("f", f.text(model, loc)) for f in others] + state.pairs(without=frozenset({"f"}))
        drawn.append(
            {
                "label": known[one.field].label,
                "op_label": filters.operator_words(known[one.field], one.op),
                "value_label": filters.words(model, one, loc, titles),
                "edit_url": state.url([*state.pairs(), ("edit", str(index))]),
                "remove_url": state.url(rest),
            }
        )
    if state.where is not None:
        number = sum(1 for _ in conditions.leaves(state.where))
        drawn.append(
            {
                "label": _("Conditions"),
                "op_label": "",
                "value_label": str(number),
                "edit_url": state.url(state.pairs(), page="builder"),
                "remove_url": state.url(state.pairs(without=frozenset({"w"}))),
                "page": True,
            }
        )
    return drawn


def editor(state: State, error: str) -> dict[str, Any] | None:
    edit = request.args.get("ff") or request.args.get("edit", "")
    known = filters.filterable(state.screen.model)
    place = values.whole(edit)
    present = state.filters[place] if place is not None and place < len(state.filters) else None
    name = present.field if present else edit
    if name not in known:
        return None
    field = known[name]
    typed = request.args.getlist("fv") or (
        [values.to_input(field, v, shell.locale()) for v in present.values] if present else []
    )
    picker = screens().get(field.target or "")
    keys = {(field.target or "", key) for v in typed if (key := values.whole(v)) is not None}
    titles = relatives.titles(keys, actor=shell.actor()) if field.kind is Kind.RELATION else {}
    return {
        "field": name,
        "label": field.label,
        "ops": [(op, filters.operator_words(field, op)) for op in filters.operators(field)],
        "op": request.args.get("fo") or (present.op if present else filters.operators(field)[0]),
        "kind": field.kind.value
        if field.kind in (Kind.CHOICE, Kind.BOOLEAN, Kind.RELATION, Kind.NUMBER, Kind.MONEY)
        else ("date" if field.kind in (Kind.DATE, Kind.MOMENT) else "text"),
        "value": typed[0] if typed else "",
        "value2": typed[1] if len(typed) > 1 else "",
        "choices": [(v, label, v in typed) for v, label in field.choices],
        "display": ", ".join(titles.values()),
        "picker_url": picker.url(page="picker") if picker else "",
        "replaces": edit if present else request.args.get("fi", ""),
        "error": error,
        "cancel_url": state.url(state.pairs()),
    }

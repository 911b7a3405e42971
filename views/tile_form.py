"""Making and changing a tile: first what it is about and how it shows that, then the rest.

What the form offers is what the person's role sees. Does not belong here: where a tile stands
(`views.dashboard_arranging`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from app.errors import Invalid, NotFound
from app.services import arrangements, dashboard_changes, dashboards, group_keys, groups, periods, saved_views, schema
from app.services import tiles as kinds
from app.services.arrangements import Layer
from app.services.dashboards import Board, Whom
from app.services.tiles import Tile
from models import registry
from models.fields import Field, Kind
from models.words import N_, _, _n
from views import shell
from views.dashboard import pages
from views.dashboard_arranging import ICONS, audience, text_of, undo_url, whom_asked
from views.screen import Screen, of, screens
from views.settings_kit import field
from views.tile_lists import Undrawable, asked

Answer = str | Response | tuple[str, int]
_ABOUT = {
    "number": N_("How many there are, or what they add up to"),
    "trend": N_("This day, week or month beside the one before"),
    "table": N_("The first records of the list"),
    "bar": N_("Parts beside each other, or over time"),
    "line": N_("How something went over time"),
    "funnel": N_("How many stand at each stage, in order"),
}
_SPANS = [(every, span) for every, known in periods.SPANS.items() for span in sorted(known)]
# Marks a date among the fields that bars go by.
_TIME = "@"
_MEASURED = frozenset({"number", "trend", "bar", "line", "funnel"})


@pages.route("/dashboards/<int:key>/tiles/new", methods=("GET", "POST"))
def add(key: int) -> Answer:
    board = dashboards.find(key, actor=shell.actor())
    return _edit(board, None)


@pages.route("/dashboards/<int:key>/tiles/<int:tile>/edit", methods=("GET", "POST"))
def edit(key: int, tile: int) -> Answer:
    actor = shell.actor()
    board = dashboards.find(key, actor=actor)
    whom = whom_asked(board)
    stack = dashboards.stack(board, whom, actor.role_id if whom.member is not None else whom.role)
    found = next((t for t in arrangements.arranged(stack) if t.id == tile and t.kind in kinds.KINDS), None)
    if found is None:
        raise NotFound(_("This tile is gone."))
    return _edit(board, found)


def _edit(board: Board, present: Tile | None) -> Answer:
    draft = _draft(present)
    screen = screens().get(draft.entity)
    if (
        screen is None
        or not screen.can(shell.actor(), "read")
        or draft.kind not in kinds.KINDS
        or "choose" in request.args
    ):
        return _choosing(board, draft)
    if request.method == "GET":
        return _form(board, screen, draft, present, {})
    whom = whom_asked(board)
    try:
        tile = _typed(draft, screen)
        return _kept(board, tile, present, whom)
    except Invalid as error:
        return _form(board, screen, draft, present, error.fields), 422


def _kept(board: Board, tile: Tile, present: Tile | None, whom: Whom) -> Response:
    def step(stack: list[Layer]) -> tuple[Layer, str]:
        if present is None:
            return arrangements.add(stack, tile), _("“{name}” added", name=tile.title)
        return arrangements.change(stack, tile), _("“{name}” saved", name=tile.title)

    change, words = dashboard_changes.keep_layer(board.key, whom, step, "dashboard.tile_set", actor=shell.actor())
    shell.toast(words, undo_url(change))
    return redirect(f"/dashboards/{board.key}/arrange?for={text_of(whom)}", 303)


# The tile that the form speaks of


def _draft(present: Tile | None) -> Tile:
    """The tile as far as it is chosen: source and kind come with the address or the form."""
    given = request.values
    tile = present or Tile(title="")
    entity, _slash, view = given.get("source", "").partition("/")
    if entity in screens():
        view_id = int(view) if view.isdigit() and len(view) < 19 else 0
        same = entity == tile.entity and view_id == tile.view
        query = given.get("query", tile.query if same else "")
        tile = replace(tile, entity=entity, view=view_id, query="" if view_id else query)
    kind = given.get("kind", "")
    return replace(tile, kind=kind) if kind in kinds.KINDS else tile if present else replace(tile, kind="")


def _source(tile: Tile) -> str:
    return f"{tile.entity}/{tile.view}" if tile.view else tile.entity


def _typed(draft: Tile, screen: Screen) -> Tile:
    """What the form says; raises `Invalid` for what makes no sense or is not this person's to see."""
    form, kind = request.form, draft.kind
    measure, _colon, of_ = (form.get("measure") or "count").partition(":")
    tile = Tile(
        id=draft.id, kind=kind, title=form.get("title", ""), entity=draft.entity, view=draft.view, query=draft.query,
        mine=form.get("mine") == "1", measure=measure if measure in kinds.MEASURES else "count", of=of_,
        width=int(form["width"]) if form.get("width") in ("1", "2", "3") else draft.width,
    )  # fmt: skip
    if tile.measure == "count" or kind not in _MEASURED:
        tile = replace(tile, measure="count", of="")
    tile = _by(tile)
    if tile.by or kind in ("number", "table"):
        period = form.get("period", "")
        tile = replace(tile, date=form.get("date", ""), period=period if period in periods.PERIODS else "")
    if kind == "table":
        rows = form.get("rows", "")
        tile = replace(tile, rows=int(rows) if rows in map(str, kinds.ROWS) else kinds.ROWS[0])
    checked = kinds.checked(tile)
    _sensible(checked)
    try:
        asked(checked)
    except Undrawable as error:
        raise Invalid({"": error.why}) from None
    return checked


def _by(tile: Tile) -> Tile:
    """What parts the records: a field, or stretches of a date."""
    form, by = request.form, request.form.get("by", "")
    every, _colon, span = form.get("steps", "").partition(":")
    steps = (
        (every, int(span))
        if (every, span) in [(unit, str(number)) for unit, number in _SPANS]
        else ("week", periods.SPANS["week"][0])
    )
    split = form.get("split", "") if tile.measure != "average" else ""
    if tile.kind == "trend":
        unit = form.get("every", "")
        return replace(tile, date=form.get("date", ""), every=unit if unit in periods.EVERY else "week")
    if tile.kind == "line" or (tile.kind == "bar" and by.startswith(_TIME)):
        date = by.removeprefix(_TIME) if tile.kind == "bar" else form.get("date", "")
        return replace(tile, date=date, every=steps[0], span=steps[1], split=split)
    if tile.kind == "funnel":
        name, _slash, inside = by.partition("/")
        return replace(tile, by=name, inside=int(inside) if inside.isdigit() and len(inside) < 19 else 0)
    return replace(tile, by=by) if tile.kind == "bar" else tile


def _sensible(tile: Tile) -> None:
    problems = {}
    if tile.kind in ("trend", "line") and not tile.date:
        problems["date"] = _("Choose the date that it goes by.")
    if tile.kind == "funnel" and not tile.by:
        problems["by"] = _("Choose the stages.")
    if tile.kind == "bar" and not tile.by and not tile.date:
        problems["by"] = _("Choose what the bars stand for.")
    if tile.period and not tile.date:
        problems["date"] = _("Choose which date has to be within these days.")
    if tile.date and not tile.every and not tile.period:
        problems["period"] = _("Choose the days, or no date.")
    if tile.measure != "count" and not tile.of:
        problems["measure"] = _("Choose what is added up.")
    if problems:
        raise Invalid(problems)


# The pages


def _choosing(board: Board, draft: Tile) -> str:
    """What the tile is about, and how it shows that."""
    query = [("query", draft.query)] if draft.query else []
    return render_template(
        "tile_choose.html",
        title=_("Add a tile") if not draft.id else _("Change {name}", name=draft.title),
        action=request.path,
        hidden=[("for", text_of(whom_asked(board))), *query],
        sources=_sources(),
        source=_source(draft),
        kinds=[
            {"value": value, "label": label, "about": _ABOUT[value], "icon": ICONS[value]}
            for value, label in kinds.KINDS.items()
        ],
        kind=draft.kind or "number",
        cancel_url=f"/dashboards/{board.key}/arrange?for={text_of(whom_asked(board))}",
    )


def _sources() -> list[dict[str, Any]]:
    """The lists and saved views that this person has, by kind of record."""
    actor = shell.actor()
    found = []
    for screen in screens().values():
        if screen.can(actor, "read") and (screen.group or screen.stands):
            views = [(f"{screen.entity}/{one.id}", one.name) for one in saved_views.seen(screen.entity, actor=actor)]
            found.append(
                {
                    "label": screen.label,
                    "choices": [(screen.entity, _("All {records}", records=screen.label.lower())), *views],
                }
            )
    return found


def _form(board: Board, screen: Screen, draft: Tile, present: Tile | None, errors: Mapping[str, str]) -> str:
    fields = _fields(board, screen, draft, errors)
    names = {one["name"] for one in fields}
    text = text_of(whom_asked(board))
    again = urlencode({"source": _source(draft), "kind": draft.kind, "query": draft.query, "for": text, "choose": "1"})
    return render_template(
        "tile_form.html",
        title=_("{kind}: {about}", kind=kinds.KINDS[draft.kind], about=_about(screen, draft)),
        action=request.path,
        hidden=[("source", _source(draft)), ("kind", draft.kind), ("query", draft.query)],
        fields=fields,
        verb=_("Add tile") if present is None else _("Save tile"),
        choose_url=f"{request.path}?{again}",
        cancel_url=f"/dashboards/{board.key}/arrange?for={text}",
        errors=[words for name, words in errors.items() if name not in names],
    )


def _about(screen: Screen, draft: Tile) -> str:
    if draft.view:
        try:
            return saved_views.find(screen.entity, draft.view, actor=shell.actor()).name
        except NotFound:
            return _("a view that is gone")
    return (
        _("{records}, filtered", records=screen.label.lower())
        if draft.query
        else _("all {records}", records=screen.label.lower())
    )


def _fields(board: Board, screen: Screen, draft: Tile, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    made = _Fields(screen, draft, errors)
    found = [field("title", _("Title"), value=draft.title or _suggested(screen, draft), errors=errors, required=True,
                   max=kinds.MOST_TITLE, wide=True)]  # fmt: skip
    found += made.of_kind()
    if kinds.ownable(screen.model):
        found.append(field("mine", _("Only what is mine, whoever looks"), kind="boolean", value=draft.mine))
    usual = 2 if draft.kind in ("table", "line") and not draft.id else draft.width
    found.append(
        made.choice(
            "width", _("Width"), [(str(n), _("{n} of {all} columns", n=n, all=3)) for n in (1, 2, 3)], str(usual)
        )
    )
    whose = audience(board)
    if len(whose) > 1:
        found.append(made.choice("for", _("Who has it"), whose, text_of(whom_asked(board))))
    return found


def _suggested(screen: Screen, draft: Tile) -> str:
    about = _about(screen, draft)
    return about[:1].upper() + about[1:] if draft.view or draft.query else str(screen.label)


class _Fields:
    """The fields of the form for one kind of tile."""

    def __init__(self, screen: Screen, draft: Tile, errors: Mapping[str, str]) -> None:
        self.screen, self.model, self.draft, self.errors = screen, screen.model, draft, errors
        self.dates = _labels(group_keys.timed(self.model))

    def of_kind(self) -> list[dict[str, Any]]:
        make = {"number": self._number, "trend": self._trend, "table": self._table, "bar": self._bar,
                "line": self._line, "funnel": self._funnel}  # fmt: skip
        return make[self.draft.kind]()

    def choice(self, name: str, label: str, choices: Any, value: str, *, required: bool = True, **more: Any) -> Any:
        return field(name, label, kind="choice", choices=list(choices), value=value, errors=self.errors,
                     required=required, **more)  # fmt: skip

    def _number(self) -> list[dict[str, Any]]:
        return [self._measure(), *self._period()]

    def _trend(self) -> list[dict[str, Any]]:
        every = self.choice("every", _("Beside the one before"), periods.EVERY.items(), self.draft.every or "week")
        return [self._measure(), self._date(required=True), every]

    def _table(self) -> list[dict[str, Any]]:
        rows = self.choice("rows", _("Rows"), [(str(n), str(n)) for n in kinds.ROWS], str(self.draft.rows))
        return [rows, *self._period()]

    def _bar(self) -> list[dict[str, Any]]:
        fields = _labels(kinds.partable(self.model))
        over = [(f"{_TIME}{name}", _("{date}, over time", date=label)) for name, label in self.dates]
        value = f"{_TIME}{self.draft.date}" if self.draft.every else self.draft.by
        by = self.choice("by", _("A bar for each"), [*fields, *over], value, hint=_("A date gives columns over time"))
        return [by, self._measure(), self._steps(_("Over time: how far back")), self._split(), *self._period()]

    def _line(self) -> list[dict[str, Any]]:
        return [self._date(required=True), self._steps(_("How far back")), self._measure(), self._split()]

    def _funnel(self) -> list[dict[str, Any]]:
        choices: list[tuple[str, str]] = []
        for name, one in kinds.stepped(self.model, actor=shell.actor()).items():
            choices += _steps_of(name, one)
        value = f"{self.draft.by}/{self.draft.inside}" if self.draft.inside else self.draft.by
        return [self.choice("by", _("Stages"), choices, value), self._measure(), *self._period()]

    def _measure(self) -> dict[str, Any]:
        choices = [("count", kinds.MEASURES["count"])]
        for name, one in group_keys.summable(self.model).items():
            choices += [
                (f"sum:{name}", kinds.MEASURES["sum"].format(field=one.label.lower())),
                (f"average:{name}", kinds.MEASURES["average"].format(field=one.label.lower())),
            ]
        value = f"{self.draft.measure}:{self.draft.of}" if self.draft.of else "count"
        return self.choice("measure", _("Shows"), choices, value)

    def _date(self, *, required: bool) -> dict[str, Any]:
        return self.choice("date", _("Goes by"), self.dates, self.draft.date, required=required)

    def _period(self) -> list[dict[str, Any]]:
        date = "" if self.draft.every else self.draft.date
        return [
            self.choice("period", _("Only these days"), periods.PERIODS.items(), self.draft.period, required=False),
            self.choice("date", _("By which date"), self.dates, date, required=False),
        ]

    def _steps(self, label: str) -> dict[str, Any]:
        every = self.draft.every or "week"
        return self.choice("steps", label, _spans(), f"{every}:{kinds.spans(every, self.draft.span)}")

    def _split(self) -> dict[str, Any]:
        fields = _labels(kinds.partable(self.model))
        return self.choice("split", _("Split by"), fields, self.draft.split, required=False,
                           hint=_("Over time: the three largest parts, and all others together"))  # fmt: skip


def _spans() -> list[tuple[str, str]]:
    said = {
        "day": lambda n: _n("{n} day", "{n} days", n),
        "week": lambda n: _n("{n} week", "{n} weeks", n),
        "month": lambda n: _n("{n} month", "{n} months", n),
    }
    return [(f"{every}:{span}", said[every](span)) for every, span in _SPANS]


def _labels(known: Mapping[str, Field]) -> list[tuple[str, str]]:
    return [(name, one.label) for name, one in known.items()]


def _steps_of(name: str, one: Field) -> list[tuple[str, str]]:
    """A choice as it is; stages by the pipeline that they are in."""
    target = of(one.target) if one.kind is Kind.RELATION and one.target in screens() else None
    hall = target.within if target is not None else ""
    if not hall or target is None or not schema.sees(target.model, hall):
        return [(name, one.label)]
    rows = groups.setup(registry.entity(one.target or ""), hall, actor=shell.actor())
    halls = {key: title for _id, _title, key, title in rows if key is not None}
    return [
        (f"{name}/{key}", _("{field} of {pipeline}", field=one.label, pipeline=title)) for key, title in halls.items()
    ] or [(name, one.label)]

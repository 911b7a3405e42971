"""The set-up as a file, and its history: export, import with a dry run first, and the way back to any earlier state.

Does not belong here: what a set-up is made of and how it is compared (`app.services.setup`), words for it
(`views.setup_words`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Invalid
from app.services import uploads, values
from app.services.setup import apply, capture, document, files, plan, states
from app.services.setup.check_rights import ROLE_PARTS
from app.services.setup.plan import REMOVE, Plan, Step
from models import formats
from models.scope import Actor
from models.words import _, _n
from views import setup_words as words
from views import shell
from views.customise import pages
from views.freshness import require_fresh
from views.roles import label_of

Answer = str | Response | tuple[str, int]
HOME = "/customise/setup"
MOST = 30


@dataclass(slots=True)
class Row:
    """A line of a dry run, which stands for one step or for the limits of a role on one kind of record."""

    id: str
    label: str
    verb: str
    steps: list[Step] = field(default_factory=list)

    @property
    def problem(self) -> str:
        """Why nothing of it can be taken, or what of it can't."""
        return " ".join(dict.fromkeys(step.problem for step in self.steps if step.problem))

    @property
    def blocked(self) -> bool:
        return all(step.problem for step in self.steps)


@pages.get("/setup")
def setup() -> str:
    """Export and import, and the moments of the history."""
    actor = _allowed()
    before = values.whole(request.args.get("before", ""))
    some = states.listed(before, MOST + 1)
    return _home(actor, some, {}, first=before is None)


@pages.post("/setup/export")
def setup_export() -> Response:
    actor = _allowed()
    require_fresh(actor, HOME)
    found = files.export(actor=actor)
    return Response(
        found.data,
        content_type="application/json; charset=utf-8",
        headers={
            "Content-Disposition": uploads.content_disposition("set-up.json"),
            "X-Content-Type-Options": "nosniff",
        },
    )


@pages.post("/setup/import")
def setup_receive() -> Answer:
    """Read a file; nothing is changed before its sender has seen what it would do."""
    actor = _allowed()
    sent = request.files.get("file")
    try:
        if sent is None or not sent.filename:
            raise Invalid({"file": _("Choose the file of a set-up first.")})
        key = files.receive(sent.stream.read(document.MOST_BYTES + 1), sent.filename, actor=actor)
    except Invalid as error:
        return _home(actor, states.listed(None, MOST + 1), error.fields, first=True), 422
    return redirect(f"{HOME}/import/{key}", 303)


@pages.route("/setup/import/<int:key>", methods=("GET", "POST"))
def setup_import(key: int) -> Answer:
    """What a file would change, step by step; POST takes the ticked ones, all or none."""
    actor = _allowed()
    sent = files.sent(key, actor=actor)
    found = plan.of_file(capture.take(), sent.items, sent.names, actor=actor)
    _fresh(found, actor)
    if request.method == "GET":
        taken = apply.preview(found, None, actor=actor)
        return _import_page(sent, found, taken, [])
    chosen = _chosen(found)
    try:
        done = apply.import_file(sent.items, sent.names, chosen, sent.name, actor=actor)
    except Invalid as error:
        apply.preview(found, chosen, actor=actor)
        return _import_page(sent, found, chosen, _named(error, found)), 422
    number = sum(step.id in chosen for step in done.steps)
    shell.toast(_n("Set-up imported: {n} change", "Set-up imported: {n} changes", number))
    return redirect(HOME, 303)


@pages.route("/setup/moments/<int:key>", methods=("GET", "POST"))
def setup_moment(key: int) -> Answer:
    """One moment of the history: what happened, what is different now, and the way back."""
    actor = _allowed()
    state = states.get(key)
    found = plan.of_state(capture.take(), states.unpacked(state.document), actor=actor)
    _fresh(found, actor)
    errors: list[str] = []
    if request.method == "POST":
        try:
            apply.return_to(key, actor=actor)
            shell.toast(_("The set-up is back as it was. You can return from this, too."))
            return redirect(HOME, 303)
        except Invalid as error:
            errors = _named(error, found)
    apply.preview(found, None, actor=actor)
    local = state.at.astimezone(shell.locale().zone)
    shown = render_template(
        "setup_moment.html",
        title=_("A moment of the set-up"),
        home=HOME,
        when=f"{formats.date(local)}, {local:%H:%M}",
        who=_who(state),
        reason=state.reason,
        happened=_Telling(actor).in_short(state.changes) or [_("The history of this set-up begins.")],
        groups=_groups(found, set()),
        left=_left(found),
        possible=any(not step.problem for step in found.steps),
        errors=errors,
        action=f"{HOME}/moments/{key}",
    )
    return (shown, 422) if errors else shown


def _allowed() -> Actor:
    actor = shell.actor()
    permissions.require(actor, "write", "custom_field")
    return actor


def _fresh(found: Plan, actor: Actor) -> None:
    """Rights are changed only by who has lately shown who they are, as on the pages of roles."""
    if any(step.part in ROLE_PARTS for step in found.steps):
        require_fresh(actor, request.path)


def _home(actor: Actor, some: list[Any], errors: dict[str, str], *, first: bool) -> str:
    found = files.look(actor=actor)
    told = _Telling(actor)
    zone = shell.locale().zone
    moments = [
        {
            "url": f"{HOME}/moments/{one.id}",
            "when": shell.day(one.at, zone),
            "stamp": one.at.isoformat(),
            "who": _who(one),
            "what": told.in_short(one.changes, 3) or [_("The history begins here")],
            "more": max(len(told.those(one.changes)) - 3, 0),
            "reason": one.reason,
            "now": first and index == 0,
        }
        for index, one in enumerate(some[:MOST])
    ]
    return render_template(
        "setup.html",
        title=_("Set-up"),
        home=HOME,
        parts=[words.PARTS[part] for part in found.parts],
        lacking=[words.PARTS[part] for part in found.lacking],
        left=found.left,
        moments=moments,
        older_url=f"{HOME}?before={some[MOST - 1].id}" if len(some) > MOST else None,
        newest_url=None if first else HOME,
        errors=list(errors.values()),
    )


class _Telling:
    """The changes of a moment, for one who may look: a view of another team is no more told of than shown."""

    def __init__(self, actor: Actor) -> None:
        self.views = None
        if permissions.reach(actor, "write", "team") is None:
            self.views = frozenset(plan.arranged(capture.take(), actor))

    def those(self, changes: list[Any]) -> list[Any]:
        return [one for one in changes if self.views is None or one[0] != "views" or one[1] in self.views]

    def in_short(self, changes: list[Any], most: int | None = None) -> list[str]:
        kept = self.those(changes)
        return words.happened(kept[:most]) or ([_("Views of other teams changed")] if changes else [])


def _who(state: Any) -> str:
    return (
        _("{actor} as {other}", actor=state.actor, other=state.on_behalf_of) if state.on_behalf_of else str(state.actor)
    )


def _import_page(sent: files.Sent, found: Plan, taken: set[str], errors: list[str]) -> str:
    return render_template(
        "setup_import.html",
        title=_("What this file would change"),
        home=HOME,
        file=sent.name,
        groups=_groups(found, taken),
        left=_left(found),
        same=found.same,
        errors=errors,
        action=f"{HOME}/import/{sent.id}",
    )


def _left(found: Plan) -> list[str]:
    """What stays as it is whatever the file or state says."""
    return [*(words.PARTS[part] for part in found.left), *([_("Views of other teams")] if found.apart else ())]


def _groups(found: Plan, taken: set[str]) -> list[dict[str, Any]]:
    """The rows of a plan under their parts."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(found.steps):
        part = row.steps[0].part
        groups.setdefault(part, []).append(
            {
                "id": row.id,
                "label": row.label,
                "verb": row.verb,
                "problem": row.problem,
                "blocked": row.blocked,
                "note": row.steps[0].note if len(row.steps) == 1 else "",
                "taken": any(step.id in taken and not step.problem for step in row.steps),
                **_told(row, found),
            }
        )
    return [{"label": words.PARTS[part], "rows": groups[part]} for part in capture.PARTS if part in groups]


def _told(row: Row, found: Plan) -> dict[str, Any]:
    items = found.wanted
    if row.steps[0].part == "field_rights":
        told = []
        for step in row.steps:
            _, entity, name = step.name.split("/")
            told += [one | {"label": words.field(entity, name, items)} for one in words.differences(step, items)]
        return {"diff": told, "brief": ""}
    step = row.steps[0]
    if row.verb == plan.CHANGE:
        return {"diff": words.differences(step, items), "brief": ""}
    return {"diff": [], "brief": words.brief(step, items if step.new else found.here.items)}


def _rows(steps: Iterable[Step]) -> list[Row]:
    """A row for each step; limits of fields are many, and stand together by role and kind of record."""
    found: dict[str, Row] = {}
    for step in steps:
        name, label = step.id, words.headed(step.part, step.name, step.label)
        if step.part == "field_rights":
            role, entity, _ = step.name.split("/")
            name, label = f"field_rights:{role}/{entity}:{step.verb}", f"{step.label}, {label_of(entity).lower()}"
        found.setdefault(name, Row(name, label, step.verb)).steps.append(step)
    return sorted(found.values(), key=lambda row: row.verb == REMOVE)


def _chosen(found: Plan) -> set[str]:
    ticked = set(request.form.getlist("take"))
    return {step.id for row in _rows(found.steps) if row.id in ticked for step in row.steps}


def _named(error: Invalid, found: Plan) -> list[str]:
    """What was wrong, each with the step that it is about."""
    known = {step.id: words.called(step.part, step.name, step.label) for step in found.steps}
    return [f"{known[name]}: {text}" if name in known else text for name, text in error.fields.items()]

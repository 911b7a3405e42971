"""Turns every screen into pages: one Flask-AppBuilder view per entity with list, record, forms, bulk, export and
picker.

The right is checked in the service that each page calls; what is here only reads input, calls one thing and renders.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, redirect, render_template, request
from flask_appbuilder import AppBuilder, BaseView, expose
from flask_wtf import CSRFProtect
from werkzeug.wrappers import Response as AnyResponse

import views.screens.crm  # noqa: F401  registers the screens
from app import permissions
from app.errors import Forbidden, Invalid, NotFound
from app.services import batches, exports, queries, records, relatives, stars, timeline, values, verbs
from app.services.verbs import Verb
from models import registry
from models.fields import Field, Kind
from models.words import _, _n, grouped
from models.work import Note
from views import (
    ai_settings,
    api,
    campaigns,
    custom_inputs,
    customise,
    customise_layout,  # noqa: F401  adds its pages to those of Customise
    dashboard,
    dashboard_arranging,  # noqa: F401  adds its pages to those of dashboards
    dev_inbox,
    displays,
    drafts,
    imports,
    incoming_mail,
    jobs,
    mail,
    mail_designs,
    mail_settings,
    query_builder,
    saved_views,
    search,
    setup,  # noqa: F401  as well
    shell,
    tile_form,  # noqa: F401  adds its pages to those of dashboards
    webhooks,
)
from views.display_routes import DisplayPages
from views.forms import edit_form
from views.list_state import State, read_state
from views.lists import show_fields
from views.record_page import show_record
from views.redirects import back
from views.screen import Screen, check, of, screens
from views.streaming import streamed

Answer = str | AnyResponse | tuple[str, int]


def register(app: Flask, appbuilder: AppBuilder, csrf: CSRFProtect) -> None:
    """Add the pages of all screens, the dashboard, search, undo and the REST API."""
    check()
    for spec in screens().values():
        view = type(
            f"{spec.entity.title().replace('_', '')}Console",
            (EntityView,),
            {"screen": spec, "route_base": f"/{spec.slug}", "endpoint": f"console_{spec.entity}"},
        )
        appbuilder.add_view_no_menu(view)
    for pages in (
        dashboard.pages,
        search.pages,
        jobs.pages,
        mail.pages,
        drafts.pages,
        ai_settings.pages,
        mail_settings.pages,
        campaigns.pages,
        mail_designs.pages,
        dev_inbox.pages,
        imports.pages,
        customise.pages,
        webhooks.pages,
        incoming_mail.pages,
    ):
        app.register_blueprint(pages)
    app.add_url_rule("/changes/<int:key>/undo", "undo", undo, methods=["POST"])
    app.add_url_rule("/changes/batch/<batch>/undo", "undo_batch", undo_batch, methods=["POST"])
    app.add_url_rule("/to/<entity>", "to_list", saved_views.to_list)
    api.register(app, csrf)


class EntityView(DisplayPages, BaseView):
    """The pages of one entity; `screen` is set by `register`."""

    screen: Screen

    @expose("/", methods=("GET",))
    def index(self) -> Answer:
        permissions.require(shell.actor(), "read", registry.permission_entity(self.screen.model))
        return displays.show(self.screen)

    @expose("/fields", methods=("GET",))
    def fields(self) -> Answer:
        permissions.require(shell.actor(), "read", registry.permission_entity(self.screen.model))
        return show_fields(self.screen)

    @expose("/builder", methods=("GET", "POST"))
    def builder(self) -> Answer:
        return query_builder.show(self.screen)

    @expose("/views", methods=("GET",))
    def views(self) -> Answer:
        return saved_views.show(self.screen)

    @expose("/views/save", methods=("GET", "POST"))
    def save_view(self) -> Answer:
        return saved_views.save(self.screen)

    @expose("/views/<int:key>/delete", methods=("POST",))
    def delete_view(self, key: int) -> Answer:
        return saved_views.delete(self.screen, key)

    @expose("/views/first", methods=("POST",))
    def first_view(self) -> Answer:
        return saved_views.first(self.screen)

    @expose("/views/<int:key>/mail", methods=("POST",))
    def mail_view(self, key: int) -> Answer:
        return saved_views.mail(self.screen, key)

    @expose("/new", methods=("GET", "POST"))
    def new(self) -> Answer:
        return edit_form(self.screen, None)

    @expose("/<int:key>", methods=("GET",))
    def show(self, key: int) -> Answer:
        return show_record(self.screen, key)

    @expose("/<int:key>/edit", methods=("GET", "POST"))
    def edit(self, key: int) -> Answer:
        return edit_form(self.screen, key)

    @expose("/<int:key>/delete", methods=("POST",))
    def remove(self, key: int) -> Answer:
        """To the bin, with an undo in the toast: nothing that needs a question first."""
        if not self.screen.may_delete(shell.actor()):
            raise Forbidden("delete", registry.permission_entity(self.screen.model))
        record = records.delete(self.screen.model, key, actor=shell.actor())
        shell.toast(
            _(
                "{what} “{title:.60}” deleted",
                what=self.screen.singular.capitalize(),
                title=str(getattr(record, self.screen.title)),
            ),
            self.screen.url(key, "restore"),
        )
        return redirect(back(request.args.get("back"), self.screen.url()))

    @expose("/<int:key>/restore", methods=("POST",))
    def restore(self, key: int) -> Answer:
        records.restore(self.screen.model, key, actor=shell.actor())
        shell.toast(_("{what} restored", what=self.screen.singular.capitalize()))
        return redirect(self.screen.url(key))

    @expose("/<int:key>/star", methods=("POST",))
    def star(self, key: int) -> Answer:
        """Keep the record at hand, or not any more; a script is answered with nothing."""
        stars.put(self.screen.entity, key, bool(request.form.get("on")), actor=shell.actor())
        if request.accept_mimetypes.best == "application/json":
            return Response(status=204)
        return redirect(back(request.form.get("next"), self.screen.url(key)))

    @expose("/<int:key>/note", methods=("POST",))
    def note(self, key: int) -> Answer:
        body = request.form.get("body", "").strip()
        if self.screen.entity not in ("contact", "deal"):
            raise NotFound()
        if not body:
            raise Invalid({"body": _("Write something first.")})
        if len(body) > 20_000:
            raise Invalid({"body": _("This note has {n} characters; at most 20,000 fit.", n=grouped(len(body)))})
        record = records.load(self.screen.model, key, actor=shell.actor())
        values: dict[str, Any] = {"body": body, f"{self.screen.entity}_id": record.id}
        if self.screen.entity == "deal":
            values["contact_id"] = record.contact_id
        records.create(Note, values, actor=shell.actor())
        return redirect(self.screen.url(key))

    @expose("/<int:key>/do/<name>", methods=("GET", "POST"))
    def act(self, key: int, name: str) -> Answer:
        """A verb on one record; GET asks for what the verb needs."""
        asked = self.screen.verb(name)
        record = records.load(self.screen.model, key, actor=shell.actor())
        title, action = str(getattr(record, self.screen.title)), self.screen.url(key, f"do/{name}")
        ask = _ask if request.method == "GET" else _asked_again
        page = ask(self.screen, asked, [key], 1, title=title, action=action, pairs=[])
        if page is not None:
            return page
        given = verbs.answers(asked, self.screen.model, _texts(), shell.locale())
        if not verbs.allowed(self.screen.model, asked, [key], actor=shell.actor()):
            raise Forbidden(asked.right, registry.permission_entity(self.screen.model))
        outcome = verbs.run(self.screen.model, asked, [key], given, actor=shell.actor())
        done = f"{self.screen.singular.capitalize()} {asked.done}"
        shell.toast(next(iter(outcome.problems), done), _undo_url(outcome))
        return redirect(back(request.form.get("next"), self.screen.url(key)))

    @expose("/bulk/<name>", methods=("POST",))
    def bulk(self, name: str) -> Answer:
        """First the dry run with its count, then (with `confirmed`) the verb itself."""
        asked = self.screen.verb(name)
        permissions.require(shell.actor(), *verbs.right_to_many(asked))
        state = read_state(self.screen, request.form)
        ids = _selected(state)
        allowed = verbs.allowed(self.screen.model, asked, ids, actor=shell.actor())
        to: dict[str, Any] = {"action": self.screen.url(page=f"bulk/{name}"), "pairs": _carried(state)}
        if not request.form.get("confirmed"):
            return _ask(self.screen, asked, allowed, len(ids), **to)
        again = _asked_again(self.screen, asked, allowed, len(ids), **to)
        if again is not None:
            return again
        given = verbs.answers(asked, self.screen.model, _texts(), shell.locale())
        outcome = verbs.run(self.screen.model, asked, allowed, given, actor=shell.actor())
        if outcome.job is not None:
            return redirect(f"/jobs/{outcome.job.id}")
        told = [_("{records} {done}.", records=self.screen.counted(outcome.done), done=asked.done)]
        told += [_("{n} not: {why}", n=grouped(count), why=why) for why, count in outcome.problems.items()]
        shell.toast(" ".join(told), _undo_url(outcome))
        return redirect(state.url(state.pairs()))

    @expose("/export.<kind>", methods=("POST",))
    def export(self, kind: str) -> Answer:
        """The whole view as a file; POST, as an export leaves an audit row."""
        if kind not in ("csv", "xlsx"):
            raise NotFound()
        state = read_state(self.screen, request.args)
        query = state.query(action="export")
        query = exports.of_all_fields(query) if request.args.get("all") else query
        body = exports.export(query, kind, locale=shell.locale(), actor=shell.actor())
        types = {
            "csv": "text/csv; charset=utf-8",
            "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
        return Response(
            streamed(body),
            content_type=types[kind],
            headers={"Content-Disposition": f'attachment; filename="{self.screen.slug}.{kind}"'},
        )

    @expose("/picker", methods=("GET",))
    def picker(self) -> Answer:
        spec, q = self.screen, request.args.get("q", "")[:200]
        beside = values.whole(request.args.get("beside", ""))
        among = queries.alike(spec.model, spec.within, beside, actor=shell.actor()) if beside and not q else ()
        found, more = queries.options(
            spec.model, q, actor=shell.actor(), search=spec.search, extra=spec.sub or None, among=among,
            limit=30 if spec.within else 8,
        )  # fmt: skip
        return jsonify(
            items=[{"id": r[0], "title": str(r[1])[:120], "sub": (r[2] or "") if len(r) > 2 else ""} for r in found],
            more=more,
        )


def undo(key: int) -> AnyResponse:
    """Take one change back; it becomes a change of its own."""
    timeline.undo(key, actor=shell.actor())
    shell.toast(_("Change undone"))
    return redirect(back(request.form.get("next"), "/"))


def undo_batch(batch: str) -> AnyResponse:
    """Take back what a selection went through; many changes by a job."""
    undone = batches.undo(batch, actor=shell.actor())
    if undone.job is not None:
        return redirect(f"/jobs/{undone.job.id}")
    told = [_n("{n} change undone.", "{n} changes undone.", undone.done)]
    told += [_("Left as it is: {words}", words=text) for text in undone.left]
    shell.toast(" ".join(told), f"/changes/batch/{undone.batch}/undo")
    return redirect(back(request.form.get("next"), "/"))


def _undo_url(outcome: verbs.Outcome) -> str | None:
    return f"/changes/batch/{outcome.batch}/undo" if outcome.batch and outcome.done else None


def _texts() -> dict[str, str]:
    """What was answered; several choices come one a line."""
    return {name: "\n".join(request.form.getlist(name)) for name in request.form}


def _asked_again(screen: Screen, asked: Verb, allowed: list[int], selected: int, **more: Any) -> Answer | None:
    """The page of a verb once more, where an answer is wrong or brings up another question; None when all is known."""
    texts = _texts()
    if set(asked.questions(screen.model, texts)) - {*texts, *request.form.getlist("asked")}:
        return _ask(screen, asked, allowed, selected, **more)
    try:
        verbs.answers(asked, screen.model, texts, shell.locale())
    except Invalid as error:
        return _ask(screen, asked, allowed, selected, errors=error.fields, **more), 422
    return None


def _selected(state: State) -> list[int]:
    if request.form.get("all_matching"):
        return queries.ids(state.query(), actor=shell.actor(), limit=verbs.MOST + 1)
    ids = [key for v in request.form.getlist("ids") if (key := values.whole(v)) is not None]
    if not ids:
        raise Invalid({"": _("Nothing is selected. Go back and tick the records first.")})
    return list(dict.fromkeys(ids))


def _carried(state: State) -> list[tuple[str, str]]:
    pairs = state.pairs()
    if state.q:
        pairs.append(("q", state.q))
    if request.form.get("all_matching"):
        return [*pairs, ("all_matching", "1")]
    return pairs + [("ids", v) for v in request.form.getlist("ids")]


def _ask(
    screen: Screen,
    asked: Verb,
    allowed: list[int],
    selected: int,
    *,
    action: str,
    pairs: list[tuple[str, str]],
    title: str = "",
    errors: dict[str, str] | None = None,
) -> str:
    """The page before a verb: how many it will touch, how many it leaves out and why, and what it needs to know."""
    questions = asked.questions(screen.model, _texts())
    many = screen.counted(len(allowed)) if not title else f"“{title:.60}”"
    left_out = selected - len(allowed)
    counts = (
        [
            (
                left_out,
                _(
                    "of the selected {what} will be left out: deleted meanwhile, or beyond your role",
                    what=screen.label.lower(),
                ),
            )
        ]
        if left_out
        else []
    )
    return render_template(
        "confirm.html",
        title=f"{asked.label}: {many}",
        text=_("This many run in the background; you can watch them under Jobs.")
        if len(allowed) > verbs.INLINE
        else "",
        counts=counts,
        hidden=[*pairs, ("confirmed", "1"), *(("asked", name) for name in questions)],
        fields=[_asked_field(n, f, errors or {}) for n, f in questions.items()],
        action=action,
        verb=asked.label,
        danger=asked.danger,
        cancel_url=_way_back(screen, pairs),
        sample=[],
        errors=[t for n, t in (errors or {}).items() if n not in questions],
        blocked="" if allowed else _("None of the selected records can be changed with your role."),
    )


def _asked_field(name: str, field: Field, errors: dict[str, str]) -> dict[str, Any]:
    text = "\n".join(request.form.getlist(name))
    drawn: dict[str, Any] = {
        "name": name,
        "label": field.label,
        "kind": field.kind.value,
        "value": text,
        "choices": list(field.choices),
        "required": field.required,
        "errors": [errors[name]] if name in errors else [],
        "display": _named(field.target, text),
        "hint": field.hint,
        "currency": shell.locale().currency,
        "picker_url": of(field.target).url(page="picker") if field.kind is Kind.RELATION and field.target else "",
    }
    return drawn | (custom_inputs.drawn(field, name, text, None) if field.custom else {})


def _way_back(screen: Screen, pairs: list[tuple[str, str]]) -> str:
    kept = [pair for pair in pairs if pair[0] not in ("ids", "all_matching")]
    return screen.url() + (f"?{urlencode(kept)}" if kept else "")


def _named(entity: str | None, text: str) -> str:
    key = values.whole(text)
    if not entity or key is None:
        return ""
    return relatives.titles({(entity, key)}, actor=shell.actor()).get((entity, key), "")

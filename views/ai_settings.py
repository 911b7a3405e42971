"""The settings of AI at `/settings/ai`: the switch, limits, which provider each kind of draft uses, and the providers.

Does not belong here: drafts themselves (`views.drafts`).
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Invalid
from app.services import ai_features, ai_ledger, ai_providers, values
from app.services.ai_providers import BUILT_IN, OFF
from models import formats
from models.ai import AiProvider, AiSetting
from models.fields import Field, Kind
from models.words import _
from views import ai_provider_form as form
from views import shell
from views.freshness import require_fresh
from views.settings_kit import field, labels_of, page, problems

pages = Blueprint("ai_settings", __name__, url_prefix="/settings/ai")

Answer = str | Response | tuple[str, int]
_HOME = "/settings/ai"
_MONEY = Field(Kind.MONEY)


@pages.route("", methods=("GET", "POST"))
def show() -> Answer:
    """The switch, the limits and the providers; a POST saves limits and choices."""
    actor = shell.actor()
    permissions.require(actor, "read", "workspace")
    errors: dict[str, str] = {}
    setting, version = ai_providers.settings(), ""
    if request.method == "POST":
        try:
            _save_limits()
            flash(_("Saved."), "success")
            return redirect(_HOME, 303)
        except Invalid as error:
            errors = error.fields
        except Conflict as error:
            errors, version = {"": error.message}, str(error.version)
    providers = ai_providers.every(actor=actor)
    groups = _groups(setting, providers, errors)
    found = page(
        "settings_ai.html",
        status=422 if errors else 200,
        title=_("AI drafting"),
        on=g.workspace.ai_enabled,
        may=_may(),
        providers=[row(one) for one in providers],
        groups=groups,
        action=_HOME,
        version=version or str(setting.version),
        errors=problems(errors, labels_of(groups)),
        servers=sorted(ai_providers.servers()),
        ledger_url="/compliance/ai/" if permissions.reach(actor, "read", "audit") else None,
    )
    return found


@pages.post("/switch")
def switch() -> Response:
    on = request.form.get("on") == "1"
    ai_providers.switch(on, actor=shell.actor())
    said = _("AI drafting is on.") if on else _("AI drafting is off. What waited was stopped; nothing more is asked.")
    flash(said, "success")
    return redirect(_HOME, 303)


@pages.route("/providers/new", methods=("GET", "POST"))
def add() -> Answer:
    return _provider_form(None)


@pages.route("/providers/<int:key>", methods=("GET", "POST"))
def edit(key: int) -> Answer:
    return _provider_form(ai_providers.get(key, actor=shell.actor()))


@pages.get("/providers/<int:key>/state")
def state(key: int) -> str:
    """The row of a provider, which asks for itself while a test runs."""
    return render_template("parts/ai_provider.html", p=row(ai_providers.get(key, actor=shell.actor())), may=_may())


@pages.post("/providers/<int:key>/test")
def test(key: int) -> Response:
    ai_providers.ask_test(key, actor=shell.actor())
    return redirect(_HOME, 303)


@pages.route("/providers/<int:key>/remove", methods=("GET", "POST"))
def remove(key: int) -> Answer:
    found = ai_providers.get(key, actor=shell.actor())
    permissions.require(shell.actor(), "write", "workspace")
    if request.method == "GET":
        text = _("Its key is deleted. Kinds of draft that use it go back to the built-in writer; the ledger stays.")
        title = _("Remove {name}", name=found.name)
        return render_template(
            "confirm.html", title=title, text=text, action="", verb=_("Remove"), danger=True, cancel_url=_HOME
        )
    ai_providers.remove(key, actor=shell.actor())
    flash(_("The provider was removed."), "success")
    return redirect(_HOME, 303)


def row(one: AiProvider) -> dict[str, Any]:
    """A provider as parts/ai_provider.html reads it."""
    tested = shell.day(one.tested_at, shell.locale().zone) if one.tested_at else ""
    if not one.accepted:
        text, tone = _("Terms not accepted"), "warn"
    elif one.tested_ok is None:
        text, tone = (_("Being tested"), "acc") if one.test_job_id else (_("Not tested yet"), "")
    elif one.tested_ok:
        text, tone = _("Answered, {when}", when=tested), "ok"
    else:
        text, tone = _("Test failed, {when}", when=tested), "bad"
    accepted = shell.day(one.accepted_at, shell.locale().zone) if one.accepted_at else ""
    by = {"version": one.accepted_version or "", "who": one.accepted_by or "", "when": accepted}
    terms = _("Terms {version}, accepted by {who}, {when}", **by) if accepted else ""
    return {
        "id": one.id,
        "name": one.name,
        "model": one.model,
        "address": one.base_url,
        "state": text,
        "tone": tone,
        "note": one.tested_note if one.tested_ok is False else "",
        "terms": terms,
        "terms_url": one.terms_url,
        "key": _("Key kept") if one.key else _("No key"),
        "polls": bool(one.test_job_id and one.tested_ok is None),
        "url": f"{_HOME}/providers/{one.id}",
        "ready": one.accepted,
    }


def _save_limits() -> None:
    wrong: dict[str, str] = {}
    try:
        budget = values.from_text(_MONEY, request.form.get("budget", ""), shell.locale())
    except ValueError as error:
        wrong["budget"], budget = str(error), 0
    per_minute = values.whole(request.form.get("calls_per_minute", ""))
    if per_minute is None:
        wrong["calls_per_minute"] = _("Type a whole number from 1 to 1,000.")
    if wrong:
        raise Invalid(wrong)
    keys = [key for key, one in ai_features.features().items() if one.offered]
    choices = {key: _choice(request.form.get(f"choice_{key}", "0")) for key in keys}
    sent = values.whole(request.form.get("version", "")) or 0
    ai_providers.change_settings(budget or 0, per_minute or 0, choices, version=sent, actor=shell.actor())


def _choice(text: str) -> int:
    return OFF if text == str(OFF) else values.whole(text) or BUILT_IN


def _groups(setting: AiSetting, providers: list[AiProvider], errors: dict[str, str]) -> list[dict[str, Any]]:
    spent = formats.money(-(-ai_ledger.spent() // 10_000), "USD")
    fixed = not _may()
    limits = [
        field(
            "budget",
            _("Budget in a month"),
            kind="money",
            value=values.to_input(_MONEY, setting.budget_cents, shell.locale()),
            display=formats.money(setting.budget_cents, "USD"),
            errors=errors,
            readonly=fixed,
            required=True,
            hint=_("In US dollars, by the prices of each provider. Spent this month: {spent}", spent=spent),
        ),
        field(
            "calls_per_minute",
            _("Calls in a minute"),
            kind="number",
            value=setting.calls_per_minute,
            errors=errors,
            readonly=fixed,
            required=True,
            step=1,
            min=1,
            max=1000,
            hint=_("Of the whole workspace; more wait their turn."),
        ),
    ]
    offered: tuple[tuple[str, str], ...] = (("0", _("Built-in templates, offline")), ("-1", _("Off")))
    offered = (*offered, *((str(one.id), f"{one.name}, {one.model}") for one in providers if one.accepted))
    choices = []
    for key, one in ai_features.features().items():
        if one.offered:
            now = str(setting.choices.get(key, BUILT_IN))
            choices.append(
                field(
                    f"choice_{key}",
                    one.label,
                    kind="choice",
                    value=now,
                    errors=errors,
                    choices=offered,
                    required=True,
                    readonly=fixed,
                    display=dict(offered).get(now, ""),
                ),
            )
    about = _("Only what a kind of draft names is read, as far as the one who asks may see it.")
    return [{"title": _("Who writes what"), "fields": choices, "hint": about}, {"title": _("Limits"), "fields": limits}]


def _provider_form(present: AiProvider | None) -> Answer:
    actor = shell.actor()
    permissions.require(actor, "write", "workspace")
    url = f"{_HOME}/providers/{present.id}" if present else f"{_HOME}/providers/new"
    require_fresh(actor, url)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            given, accept = form.given(), request.form.get("accept") == "1"
            ai_providers.save(present.id if present else None, given, accept=accept, actor=actor)
            flash(_("Saved. Test it, then choose what it writes."), "success")
            return redirect(_HOME, 303)
        except Invalid as error:
            errors = error.fields
    groups = form.groups(present, errors)
    title = _("Change {name}", name=present.name) if present else _("New AI provider")
    found = page(
        title=title,
        status=422 if errors else 200,
        groups=groups,
        action=url,
        errors=problems(errors, labels_of(groups)),
    )
    return found


def _may() -> bool:
    return permissions.reach(shell.actor(), "write", "workspace") is not None

"""Drafts by AI in the console: asked for on a record's page, polled until they are there, used or dropped by a person.

Does not belong here: sending e-mail (`views.mail`), providers and limits (`views.ai_settings`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import permissions
from app.errors import NotFound
from app.services import ai_features, ai_text, draft_uses, drafts, jobs, schema
from app.services.ai_features import LINES, PLAN
from app.services.drafts import Card
from models.contact import Contact
from models.words import N_, _
from views import shell
from views.jobs import percent
from views.screen import of

pages = Blueprint("draft_pages", __name__)
# The buttons that a draft has within the form of an editor: (name, what their value begins with, words). A text is
# taken over by the number of its job, a line as it is.
PLACES: dict[str, dict[str, Any]] = {
    "editor": {"text": ("take", "", N_("Put into the e-mail")), "lines": [("take_line", "", N_("Use"))]},
    "blocks": {
        "text": ("do", "draft:", N_("Put into the e-mail")),
        "lines": [("do", "subject:", N_("Use")), ("do", "second:", N_("As the second"))],
        "drop": ("do", "drop:", N_("Discard")),
        "stop": ("do", "stop:", N_("Cancel")),
        "look": ("do", "look", N_("Look again")),
    },
}
# What pressing the button makes of a draft.
_USES = {"template": N_("Put into the template"), PLAN.key: N_("Add as tasks")}
_OF_LINES = (ai_features.SUBJECTS, ai_features.CAMPAIGN_SUBJECTS)
_DONE = {"template": N_("The template has the new text"), PLAN.key: N_("The tasks were added")}


@pages.post("/contacts/<int:key>/draft")
def ask(key: int) -> Response:
    """Have a draft written; the contact's page then shows how far it is."""
    return _asked(request.form.get("feature", ai_features.FOLLOW_UP.key), "contact", key)


@pages.post("/templates/<int:key>/draft")
def ask_for_template(key: int) -> Response:
    return _asked(ai_features.CAMPAIGN.key, "template", key)


@pages.get("/drafts/<int:job_id>")
def draft(job_id: int) -> str | Response:
    """The card of one draft, which asks for itself until it is there; JSON for programs. `?as=` is the card beside an
    editor that takes it over (`PLACES`)."""
    place = request.args.get("as", "") if request.args.get("as") in PLACES else ""
    found = card(job_id, place)
    if request.accept_mimetypes.best == "application/json":
        names = ("state", "percent", "note", "error", "to", "subject", "body", "provider")
        return jsonify({name: found.get(name) for name in names})
    return render_template("parts/draft_beside.html" if place else "parts/draft.html", draft=found)


@pages.post("/drafts/<int:job_id>/cancel")
def cancel(job_id: int) -> Response:
    """Stop a draft, also while its answer is awaited."""
    found = drafts.card(job_id, actor=shell.actor())
    if found.state == "waiting":
        jobs.cancel(job_id, actor=shell.actor())
    shell.toast(_("The draft is being cancelled"))
    return redirect(_page(found), 303)


@pages.post("/drafts/<int:job_id>/use")
def use(job_id: int) -> Response:
    """A person's approval: the text with their changes becomes a note, tasks or the template's text."""
    found = drafts.card(job_id, actor=shell.actor())
    draft_uses.use(job_id, request.form.get("body", ""), actor=shell.actor())
    shell.toast(str(_of(found, _DONE, N_("The note was added"))))
    return redirect(_page(found), 303)


@pages.post("/drafts/<int:job_id>/discard")
def discard(job_id: int) -> Response:
    found = drafts.card(job_id, actor=shell.actor())
    draft_uses.discard(job_id, actor=shell.actor())
    shell.toast(_("Dropped; nothing was kept"))
    return redirect(_page(found), 303)


def offer(entity: str, record: Any) -> dict[str, Any] | None:
    """What the page of a record offers, or the card of the draft that was asked for."""
    actor = shell.actor()
    asked = request.args.get("draft", "")
    features = [one for one in drafts.offered(entity, actor) if _fits(one, record)]
    if not features:
        return None
    if asked.isascii() and asked.isdigit() and len(asked) < 19:
        return card(int(asked))
    return _idle(features, of(entity).url(record.id, "draft"))


def card(job_id: int, place: str = "") -> dict[str, Any]:
    """The draft of a job as `parts/draft.html` reads it, or `parts/draft_beside.html` where it has a `place`."""
    found = drafts.card(job_id, actor=shell.actor())
    feature = found.feature
    ask_url = of(feature.about).url(found.record_id, "draft")
    base: dict[str, Any] = {"title": feature.label, "state": found.state, "feature": feature.key, "ask_url": ask_url}
    base |= {"job_id": job_id, "hands": PLACES.get(place)}
    if found.state == "waiting":
        waits = found.job.error if found.job.state == "waiting" and found.job.error else found.job.status
        return base | {
            "percent": percent(found.job),
            "note": waits or _("Waiting for its turn. You can leave this page."),
            "poll_url": url_for("draft_pages.draft", job_id=job_id) + (f"?as={place}" if place else ""),
            "cancel_url": url_for("draft_pages.cancel", job_id=job_id) if not found.job.cancel_asked else None,
        }
    if found.state == "failed":
        error = found.job.error or _("No draft was made.")
        write_url = of("contact").url(found.record_id, "email") if feature.makes == ai_features.EMAIL else None
        again = found.job.state != "refused"
        return base | {"error": error, "again": again, "write_url": write_url}
    if found.state == "ready":
        return base | (_message(found) if found.message is not None else _text(found))
    return base | _idle([one for one in drafts.offered(feature.about, shell.actor()) if one.key != "subjects"], ask_url)


def beside_editor(contact: Contact, job_id: int | None) -> dict[str, Any] | None:
    """What the page that writes an e-mail offers, and the draft that was asked for there."""
    features = [one for one in drafts.offered("contact", shell.actor()) if one.rights == (("write", "message"),)]
    if not features or not g.workspace.ai_enabled or not _fits(features[0], contact):
        return None
    return {"asks": [(one.key, one.verb) for one in features], "draft": card(job_id, "editor") if job_id else None}


def beside_blocks(entity: str, key: int, job_id: int | None) -> dict[str, Any] | None:
    """What the block editor of a campaign or template offers, and the draft that waits there."""
    actor = shell.actor()
    features = drafts.offered(entity, actor)
    if not features or not g.workspace.ai_enabled:
        return None
    found: dict[str, Any] = {}
    if job := job_id or drafts.waiting_for(entity, key, actor=actor):
        with suppress(NotFound):
            found = card(job, "blocks")
    shown = found if found.get("state") in ("waiting", "failed", "ready") else None
    by = drafts.writers_of(key) if entity == "campaign" else []
    return {"asks": [(one.key, one.verb) for one in features], "draft": shown, "by": ", ".join(by)}


def written_by(found: Card) -> dict[str, Any]:
    """Who wrote a draft, of what, and where the ledger says so."""
    call = found.call
    labels = ai_features.labels()
    read = [str(labels.get(name, name)) for name in call.fields] if call else []
    url = f"/compliance/ai/?id={call.id}" if call and permissions.reach(shell.actor(), "read", "audit") else None
    return {
        "provider": call.provider if call else "",
        "model": call.model if call and call.provider_id else "",
        "read": ", ".join(read) or _("nothing"),
        "ledger": {"label": f"AI-{call.id}", "url": url} if call else None,
    }


def _message(found: Card) -> dict[str, Any]:
    message = found.message
    assert message is not None  # noqa: S101 (asked before)
    return {
        "to": message.recipient,
        "subject": message.subject,
        "body": message.body,
        "approve_url": url_for("mail_pages.send", key=message.id),
        "approve_label": _("Approve and send"),
        "redraft_url": url_for("mail_pages.redraft", key=message.id),
        "discard_url": url_for("mail_pages.discard", key=message.id),
    } | written_by(found)


def _text(found: Card) -> dict[str, Any]:
    draft = found.draft
    assert draft is not None  # noqa: S101 (asked before)
    return {
        "to": None,
        "body": draft.text,
        "lines": ai_text.lines(draft.text) if found.feature in _OF_LINES else [],
        "rows": 10 if found.feature.makes != LINES else 6,
        "hint": _("One task on each line; the number says in how many days it is due.")
        if found.feature is PLAN
        else None,
        "approve_url": url_for("draft_pages.use", job_id=draft.job_id),
        "approve_label": _of(found, _USES, N_("Keep as a note")),
        "redraft_url": None,
        "discard_url": url_for("draft_pages.discard", job_id=draft.job_id),
    } | written_by(found)


def _asked(feature: str, about: str, key: int) -> Response:
    job = drafts.ask(feature, key, actor=shell.actor(), about=about, wish=request.form.get("wish", ""))
    if request.headers.get("HX-Request"):
        return redirect(url_for("draft_pages.draft", job_id=job.id), 303)
    return redirect(f"{of(about).url(key)}?draft={job.id}#draft", 303)


def _idle(features: list[ai_features.Feature], ask_url: str) -> dict[str, Any]:
    may = permissions.reach(shell.actor(), "write", "workspace") is not None
    return {
        "title": _("AI drafts"),
        "state": "idle",
        "ask_url": ask_url,
        "off": not g.workspace.ai_enabled,
        "settings_url": "/settings/ai" if may else None,
        "asks": [(one.key, one.verb) for one in features],
    }


def _fits(feature: ai_features.Feature, record: Any) -> bool:
    """Subject lines are for the page that writes an e-mail; e-mails need an address that is seen."""
    if feature.key == ai_features.SUBJECTS.key:
        return False
    return feature.makes != ai_features.EMAIL or bool(record.email and schema.sees(Contact, "email"))


def _of(found: Card, words: dict[str, str], otherwise: str) -> str:
    return words.get(found.feature.key) or words.get(found.feature.about) or otherwise


def _page(found: Card) -> str:
    return of(found.feature.about).url(found.record_id, "design" if found.feature.about == "campaign" else "")

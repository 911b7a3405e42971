"""E-mail in the console: write to a contact, send or drop a draft."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Forbidden, Invalid
from app.services import drafts, merge, messages, queries, records, schema, suppressions, values
from models.contact import Contact
from models.message import KINDS, Message, Template
from models.words import _
from views import drafts as draft_pages
from views import shell
from views.redirects import back
from views.screen import of

pages = Blueprint("mail_pages", __name__)
Answer = str | Response | tuple[str, int]


@pages.route("/contacts/<int:key>/email", methods=["GET", "POST"])
def compose(key: int) -> Answer:
    """The page to write an e-mail; what was typed comes back with each problem."""
    actor = shell.actor()
    permissions.require(actor, "write", "message")
    contact: Contact = records.load(Contact, key, actor=actor)
    if not schema.sees(Contact, "email"):
        raise Forbidden("write", "message", _("Your role does not see e-mail addresses of contacts."))
    if request.method == "GET":
        return _form(contact, {}, {})
    typed = {name: request.form.get(name, "") for name in ("subject", "body", "kind", "occasion", "drafted")}
    if "use" in request.form:
        return _form(contact, _started(typed, values.whole(request.form.get("template", ""))), {})
    if {"ai", "take", "take_line"} & request.form.keys():
        return _with_draft(contact, typed)
    try:
        kind = typed["kind"] if typed["kind"] in dict(KINDS) else "transactional"
        messages.write(
            contact, typed["subject"], typed["body"], kind=kind, occasion=typed["occasion"][:80], actor=actor,
            drafted_by=drafts.taken_from(values.whole(typed["drafted"]), actor=actor),
        )  # fmt: skip
    except Invalid as error:
        # What concerns no field is that another text was sent under this number: the page gets a new one.
        return _form(contact, typed | ({"occasion": ""} if "" in error.fields else {}), error.fields), 422
    shell.toast(_("E-mail to {name:.60} is on its way", name=contact.name))
    return redirect(_contact_url(key), 303)


@pages.post("/messages/<int:key>/send")
def send(key: int) -> Response:
    """A person's approval: the draft with their changes is queued."""
    message = messages.send(
        key, actor=shell.actor(), subject=request.form.get("subject"), body=request.form.get("body")
    )
    shell.toast(_("The e-mail is on its way"))
    return redirect(_after(message), 303)


@pages.post("/messages/<int:key>/again")
def again(key: int) -> Response:
    message = messages.send_again(key, actor=shell.actor())
    shell.toast(_("The e-mail is tried again"))
    return redirect(_after(message), 303)


@pages.post("/messages/<int:key>/discard")
def discard(key: int) -> Response:
    message = messages.discard(key, actor=shell.actor())
    shell.toast(_("Dropped; nothing was sent"))
    return redirect(_after(message), 303)


@pages.post("/messages/<int:key>/redraft")
def redraft(key: int) -> Response:
    """Drop this draft and ask for another."""
    message = messages.discard(key, actor=shell.actor())
    if message.contact_id is None:
        raise Invalid({"": _("This draft belongs to no contact. Write the e-mail yourself.")})
    found = drafts.of_message(message)
    job = drafts.ask(found, message.contact_id, actor=shell.actor())
    return redirect(f"{_contact_url(message.contact_id)}?draft={job.id}#draft", 303)


def actions(message: Message) -> list[dict[str, Any]]:
    """The buttons of a message's own page: what can be done in its state."""
    offered: dict[str, tuple[tuple[str, str, str], ...]] = {
        "draft": ((_("Discard"), "x", "discard"), (_("Approve and send"), "send", "send")),
        "queued": ((_("Call back"), "x", "discard"),),
    } | dict.fromkeys(messages.AGAIN, ((_("Send again"), "send", "again"),))
    if not of("message").can(shell.actor(), "write") or not schema.sees(Message, "state"):
        return []
    return [
        {
            "label": label,
            "icon": icon,
            "url": url_for(f"mail_pages.{name}", key=message.id),
            "post": True,
            "primary": name != "discard",
        }
        for label, icon, name in offered.get(message.state, ())
    ]


def _with_draft(contact: Contact, typed: dict[str, str]) -> Answer:
    """Ask for a draft beside what was typed, or take one over into it; nothing typed is lost."""
    actor = shell.actor()
    job = values.whole(request.form.get("take", ""))
    try:
        if "take_line" in request.form:
            return _form(contact, typed | {"subject": request.form["take_line"][:200]}, {})
        if job is not None:
            subject, body = drafts.take(job, actor=actor)
            below = f"\n\n{typed['body'].strip()}" if typed["body"].strip() else ""
            taken = {"subject": typed["subject"] or subject, "body": body + below, "drafted": str(job)}
            return _form(contact, typed | taken, {})
        about = {"text" if request.form["ai"] == "subjects" else "wish": typed["body"]}
        asked = drafts.ask(request.form["ai"], contact.id, actor=actor, **about)
        return _form(contact, typed, {}, asked.id)
    except (Invalid, Forbidden, Conflict) as error:
        said = error.fields if isinstance(error, Invalid) else {"": str(error)}
        return _form(contact, typed, said), 422


def _started(typed: dict[str, str], key: int | None) -> dict[str, str]:
    """What was typed with the template below it; a subject that was typed stays."""
    if key is None:
        return typed
    found: Template = records.load(Template, key, actor=shell.actor())
    body = f"{typed['body'].rstrip()}\n\n{found.body}" if typed["body"].strip() else found.body
    return typed | {"subject": typed["subject"] or found.subject, "body": body, "kind": found.kind}


def _templates() -> list[tuple[int, str]]:
    if not of("template").can(shell.actor(), "read"):
        return []
    query = queries.ListQuery(Template, ("name",), sort="name", limit=200)
    return [(row[0], row[1]) for row in queries.page(query, actor=shell.actor()).rows]


def _form(contact: Contact, typed: dict[str, str], errors: dict[str, str], job: int | None = None) -> str:
    kinds = [{"value": key, "label": label} for key, label in KINDS]
    return render_template(
        "compose.html",
        title=_("E-mail to {name:.80}", name=contact.name),
        contact=contact,
        errors=errors,
        kinds=kinds,
        merge_fields=merge.FIELDS,
        templates=_templates(),
        subject=typed.get("subject", ""),
        body=typed.get("body", ""),
        kind=typed.get("kind") or "transactional",
        occasion=typed.get("occasion") or uuid.uuid4().hex,
        drafted=typed.get("drafted") or "",
        drafted_by=drafts.taken_from(values.whole(typed.get("drafted") or ""), actor=shell.actor()),
        drafts=draft_pages.beside_editor(contact, job),
        cancel_url=_contact_url(contact.id),
        warning=_warning(contact),
        draft_key=f"{shell.actor().user_id}:{request.path}",
    )


def _warning(contact: Contact) -> str | None:
    """What would stop a message, said before it is written."""
    if not contact.email:
        return _("This contact has no e-mail address. Add one to the contact first.")
    return suppressions.why_not(contact.email, "transactional", contact) or suppressions.why_not(
        contact.email, "marketing", contact
    )


def _contact_url(key: int) -> str:
    return of("contact").url(key)


def _after(message: Message) -> str:
    whose = message.contact_id if schema.sees(Message, "contact_id") else None
    return back(request.form.get("next"), _contact_url(whose) if whose else of("message").url(message.id))

"""What a webhook's page has beyond a generated one: its secret, shown once, and the log of its deliveries.

Does not belong here: form, list and verbs, which come from the screen.
"""

from __future__ import annotations

from typing import Any

import orjson
from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.services import records, values, webhooks
from models import formats
from models.fields import Choices
from models.registry import spoken
from models.webhook import EVERY, VERBS, Webhook, WebhookDelivery
from models.words import N_, _, _n
from views import shell
from views.freshness import require_fresh
from views.screen import Screen, of, screens
from views.settings_kit import page

pages = Blueprint("webhook_pages", __name__, url_prefix="/webhooks")
Answer = str | Response | tuple[str, int]
TAB = "deliveries"
# What nobody types, and a reader of its page wants to know.
FACTS = ("membership_id", "failing_since", "rest_until", "secret_shown_at", "old_secret_until")
_STATES = {
    "waiting": (N_("Waiting"), "acc"),
    "done": (N_("Sent"), "ok q"),
    "failed": (N_("Failed"), "bad"),
    "dropped": (N_("Not sent"), "warn"),
    "held": (N_("Held"), "warn"),
}
_SHOWN_ONCE = N_("Shown once. Keep it where your receiver keeps its secrets: it proves that an event comes from here.")


@pages.route("/<int:key>/secret", methods=("GET", "POST"))
def secret(key: int) -> Answer:
    """Show the signing secret once; afterwards, make a new one."""
    actor = shell.actor()
    hook: Webhook = records.load(Webhook, key, actor=actor, action="write")
    require_fresh(actor, f"/webhooks/{key}/secret")
    new = hook.secret_shown_at is not None
    if request.method == "GET":
        return _ask(hook, new)
    show = webhooks.rotate_secret if request.form.get("new") else webhooks.show_secret
    note = f"{_SHOWN_ONCE} {_('The old one signs beside it for 24 hours.')}" if request.form.get("new") else _SHOWN_ONCE
    back = {"label": _("Back to the webhook"), "icon": "plug", "url": of("webhook").url(key), "primary": True}
    return page(
        title=_("Signing secret of {name}", name=hook.name),
        secret={"label": _("Signing secret"), "text": show(key, actor=actor), "note": note},
        table=None,
        head_actions=[back],
    )


@pages.post("/deliveries/<int:key>/again")
def again(key: int) -> Response:
    """Send one event of the log again, under the id it has."""
    sent = webhooks.send_again(key, actor=shell.actor())
    shell.toast(_("The event is sent again"))
    return redirect(f"{of('webhook').url(sent.webhook_id)}?tab={TAB}", 303)


def _ask(hook: Webhook, new: bool) -> str:
    text = (
        _(
            "The secret was shown before and cannot be shown again. A new one signs from now on; the old "
            "one signs beside it for 24 hours, so that the receiver misses nothing while you change it "
            "there."
        )
        if new
        else _("Your receiver needs it to check that an event comes from here. It is shown this once.")
    )
    return render_template(
        "confirm.html",
        title=_("Make a new signing secret of {name:.60}", name=hook.name)
        if new
        else _("Show the signing secret of {name:.60}", name=hook.name),
        text=text,
        action="",
        hidden=[("new", "1")] if new else [],
        verb=_("Make a new secret") if new else _("Show the secret"),
        cancel_url=of("webhook").url(hook.id),
    )


def actions(screen: Screen, hook: Webhook) -> list[dict[str, Any]]:
    """The buttons of a webhook's own page."""
    if not screen.can(shell.actor(), "write"):
        return []
    label = _("New secret") if hook.secret_shown_at else _("Show the secret")
    found = [{"label": label, "icon": "key", "url": screen.url(hook.id, "secret"), "post": False}]
    verb = (
        (_("Send a test event"), "send", "test") if hook.state == "active" else (_("Resume"), "player-play", "resume")
    )
    verbs = [verb]
    if hook.state == "active" and webhooks.holds(hook.id):
        verbs.append((_("Send what was held"), "send", "release"))
    buttons = [
        {"label": label, "icon": icon, "url": screen.url(hook.id, f"do/{name}"), "post": True}
        for label, icon, name in verbs
    ]
    return [*buttons, *found]


def notice(hook: Webhook) -> dict[str, Any] | None:
    """What somebody should know of this webhook before anything else."""
    loc = shell.locale()
    if hook.state != "active":
        why = hook.paused_reason or _("Paused")
        since = _told(hook.failing_since, loc) if hook.failing_since else ""
        text = (
            _("{why} (failing since {since}). Events are held until it is resumed.", why=why, since=since)
            if since
            else _("{why}. Events are held until it is resumed.", why=why)
        )
        return {"cls": "warn", "icon": "player-pause", "text": text}
    if hook.failing_since is not None:
        text = _(
            "Every attempt has failed since {told}. Events wait and are tried again; after three days of "
            "failures the webhook is paused.",
            told=_told(hook.failing_since, loc),
        )
        return {"cls": "bad", "icon": "alert-circle", "text": text}
    if hook.secret_shown_at is None and of("webhook").can(shell.actor(), "write"):
        link = {"label": _("Show it once"), "url": of("webhook").url(hook.id, "secret")}
        text = _("Your receiver needs the signing secret to check what comes from here.")
        return {"cls": "acc", "icon": "key", "text": text, "link": link}
    return None


def log_tab(url: str, tab: str) -> dict[str, Any]:
    return {"label": _("Deliveries"), "url": f"{url}?tab={TAB}", "current": tab == TAB}


def log(hook: Webhook) -> dict[str, Any]:
    """The deliveries as parts/deliveries.html reads them."""
    actor = shell.actor()
    rows, older = webhooks.log(hook.id, actor=actor, before=values.whole(request.args.get("before", "")))
    may = permissions.reach(actor, "write", "webhook") is not None and hook.state == "active"
    url = of("webhook").url(hook.id)
    return {
        "rows": [_row(one, may) for one in rows],
        "older_url": f"{url}?tab={TAB}&before={older}" if older else None,
        "empty": _("Nothing was sent yet. Send a test event to try the receiver."),
    }


def _row(one: WebhookDelivery, may: bool) -> dict[str, Any]:
    loc = shell.locale()
    label, tone = _STATES.get(one.state, (one.state, ""))
    # Before the first attempt nobody has checked whether this record may be known of.
    checked = one.attempts > 0 or one.entity is None
    tries = _n("{n} attempt", "{n} attempts", one.attempts)
    return {
        "event": one.event_type,
        "what": f"#{one.record_id}" if checked and one.record_id else "",
        "state": {"text": label, "cls": tone},
        "status": one.status,
        "attempts": one.attempts,
        "note": f"{tries}, {one.status}" if one.status else tries,
        "when": shell.day(one.created_at, loc.zone),
        "stamp": one.created_at.isoformat(),
        "event_id": one.event_id,
        "error": one.error,
        "next": _told(one.next_at, loc),
        "body": orjson.dumps(one.body, option=orjson.OPT_INDENT_2).decode() if checked else "",
        "excerpt": one.excerpt,
        "again_url": f"/webhooks/deliveries/{one.id}/again"
        if may and one.state in _STATES.keys() - {"waiting"}
        else None,
    }


_HEADS = {
    "created": N_("Created"),
    "updated": N_("Updated"),
    "deleted": N_("Deleted"),
    "restored": N_("Restored"),
}


def grid(choices: Choices) -> dict[str, Any]:
    """Events as a table: a line for each kind of record, a column for what may happen to it."""
    offered = dict(choices)
    entities = dict.fromkeys(key.partition(".")[0] for key in offered if key != EVERY)
    rows: list[tuple[str, list[tuple[str, str] | None]]] = [
        (_("Every event"), [(EVERY, offered[EVERY]), *(None for _ in list(VERBS)[1:])])
    ]
    for name in sorted(entities, key=_label):
        keys = [f"{name}.{verb}" for verb in VERBS.values()]
        rows.append((_label(name), [(key, offered[key]) if key in offered else None for key in keys]))
    return {"heads": [_("Records"), *(_HEADS[verb] for verb in VERBS.values())], "rows": rows}


def _label(entity: str) -> str:
    return screens()[entity].label if entity in screens() else spoken(entity).capitalize()


def _told(moment: Any, loc: values.Locale) -> str:
    if moment is None:
        return ""
    local = moment.astimezone(loc.zone)
    return formats.moment(local)

"""What a campaign has beyond its generated pages: to whom and when, a look over it, the start, and how it goes.

Does not belong here: the block editor (`views.mail_designs`), list, form and verbs, which come from the screen.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, get_flashed_messages, redirect, render_template, request
from werkzeug.wrappers import Response

from app import permissions
from app.errors import Conflict, Invalid
from app.services import (
    campaign_audience,
    campaign_content,
    campaign_figures,
    campaigns,
    drafts,
    mail_lint,
    saved_views,
    schema,
    tracking,
    values,
    verbs,
)
from app.services.campaign_figures import Figures
from models import formats
from models.campaign import STATES as CAMPAIGN_STATES
from models.campaign import Campaign
from models.contact import Contact
from models.message import STATES
from models.words import N_, _, grouped
from views import shell, tile_charts
from views.screen import Screen, of

pages = Blueprint("campaign_pages", __name__, url_prefix="/campaigns")
Answer = str | Response | tuple[str, int]
_OPEN = campaigns.OPEN
_MOVING = frozenset({"scheduled", "running", "paused"})
_LEFT_OUT = {
    "no_address": N_("without an e-mail address"),
    "minor": N_("under age"),
    "suppressed": N_("suppressed for marketing"),
}
_ANSWERS = {
    "reply": N_("Replies"), "auto_reply": N_("Automatic replies"), "bounce": N_("Bounces"),
    "soft_bounce": N_("Bounces for now"), "complaint": N_("Complaints"), "unsubscribe": N_("Unsubscriptions"),
}  # fmt: skip
# Where each problem is mended.
_MENDED = {"address": "/settings/workspace", "audience": "#audience", "blocks": "design"}


@pages.get("/<int:key>/send")
def ready(key: int) -> Answer:
    """To whom, when, and what is missing."""
    return _ready(key, {})


@pages.post("/<int:key>/audience")
def audience(key: int) -> Answer:
    chosen = request.form.get("audience", "")
    try:
        campaigns.choose_audience(key, values.whole(chosen), actor=shell.actor(), everybody=chosen == "all")
    except Invalid as error:
        return _ready(key, error.fields, 422)
    return redirect(f"/campaigns/{key}/send", 303)


@pages.post("/<int:key>/test")
def test(key: int) -> Answer:
    try:
        message = campaigns.send_test(
            key, actor=shell.actor(), contact_id=values.whole(request.form.get("contact", ""))
        )
    except Invalid as error:
        return _ready(key, error.fields, 422)
    flash(_("A test is on its way to {address}.", address=message.recipient))
    return redirect(f"/campaigns/{key}/send", 303)


@pages.post("/<int:key>/ask")
def ask(key: int) -> Answer:
    try:
        campaigns.ask_approval(key, actor=shell.actor())
    except Invalid as error:
        return _ready(key, error.fields, 422)
    flash(_("Whoever may start campaigns sees it as waiting for approval now."))
    return redirect(f"/campaigns/{key}/send", 303)


@pages.post("/<int:key>/back")
def send_back(key: int) -> Response:
    campaigns.send_back(key, request.form.get("remark", ""), actor=shell.actor())
    shell.toast(_("Sent back as a draft"))
    return redirect(of("campaign").url(key), 303)


@pages.route("/<int:key>/start", methods=("GET", "POST"))
def start(key: int) -> Answer:
    """Asks once more, with the number of people: what is sent cannot be taken back."""
    actor, screen = shell.actor(), of("campaign")
    permissions.require(actor, "write", "approval")
    campaign = campaign_content.load(key, actor=actor, action="write")
    if request.method == "POST":
        version = values.whole(request.form.get("version", "")) or 0
        try:
            campaigns.start(key, version=version, public_url=_public_url(), actor=actor)
        except Invalid as error:
            return _ready(key, error.fields, 422)
        except Conflict as error:
            return _ready(key, {"": error.message}, 409)
        return redirect(screen.url(key, "report"), 303)
    count = campaign_audience.count(campaign, actor=actor)
    return render_template(
        "confirm.html",
        title=_("Send “{name}”", name=campaign.name),
        text=_when(campaign),
        counts=[(grouped(count.people), _("people get it")), *_left_out(count.left_out)],
        action=screen.url(key, "start"),
        hidden=[("version", campaign.version)],
        verb=_("Send to {n} people", n=grouped(count.people)),
        cancel_url=screen.url(key, "send"),
        sample=[],
    )


@pages.get("/<int:key>/check")
def check(key: int) -> str:
    """Whose fields are empty, person by person; asked for by the page once it stands."""
    actor = shell.actor()
    campaign = campaign_content.load(key, actor=actor, action="write")
    try:
        frozen = campaign_content.drawn(campaign, campaign_content.design_of(campaign), _public_url())
        found = mail_lint.look(campaign, frozen, actor=actor)
    except Invalid:
        return render_template("parts/campaign_check.html", found=None)
    contacts = of("contact")
    people = [(contacts.url(one), name, ", ".join(fields)) for one, name, fields in found.people]
    return render_template("parts/campaign_check.html", found=found, people=people)


@pages.get("/<int:key>/report")
def report(key: int) -> str:
    """How it goes and how it went, down to each e-mail."""
    campaign, figures = _figures(key, whole=True)
    screen = of("campaign")
    return render_template(
        "campaign_report.html",
        title=campaign.name,
        back={"label": screen.label, "url": screen.url(), "record": screen.url(key)},
        p=_progress(campaign, figures),
        hours=_hours(figures),
        variants=_variants(campaign, figures),
        by_clicks=campaign.decided_by == "clicks",
        reading=_reading(figures),
        answers=[
            (grouped(figures.answers[kind]), label) for kind, label in _ANSWERS.items() if kind in figures.answers
        ],
        subject=campaign.subject,
        started=_told(campaign.started_at),
        ended=_told(campaign.ended_at),
    )


@pages.get("/<int:key>/progress")
def progress(key: int) -> str:
    """The part of the report that asks for itself while e-mails leave."""
    campaign, figures = _figures(key)
    return render_template("parts/campaign_progress.html", p=_progress(campaign, figures))


def actions(screen: Screen, campaign: Campaign) -> list[dict[str, Any]]:
    """The buttons of a campaign's own page."""
    may = screen.can(shell.actor(), "write")
    if not campaign_content.is_seen():
        return []
    if campaign.state not in _OPEN:
        return [_button(_("Report"), "chart-bar", screen.url(campaign.id, "report"), primary=True)]
    if not may:
        return []
    return [
        _button(_("Write"), "pencil", screen.url(campaign.id, "design")),
        _button(_("Audience and sending"), "send", screen.url(campaign.id, "send"), primary=True),
    ]


def _button(label: str, icon: str, url: str, **more: Any) -> dict[str, Any]:
    return {"label": label, "icon": icon, "url": url, "post": False, **more}


def _ready(key: int, errors: dict[str, str], status: int = 200) -> Answer:
    actor, screen = shell.actor(), of("campaign")
    campaign = campaign_content.load(key, actor=actor, action="write")
    if campaign.state not in _OPEN:
        return redirect(screen.url(key, "report"), 303)
    problems = campaigns.problems(campaign, public_url=_public_url()) | errors
    count = None
    if "audience" not in problems and schema.sees(Contact, "email"):
        count = campaign_audience.count(campaign, actor=actor)
        if not count.people:
            problems["audience"] = _("Nobody in this view can be written to.")
    said: Any = get_flashed_messages()
    shown = render_template(
        "campaign_send.html",
        title=campaign.name,
        back={"label": screen.label, "url": screen.url(), "record": screen.url(key)},
        url=screen.url(key),
        campaign=campaign,
        views=[
            (one.id, one.name, one.name == campaign.audience_name) for one in saved_views.seen("contact", actor=actor)
        ],
        everybody=campaign.audience == "",
        count=grouped(count.people) if count else "",
        left_out=_left_out(count.left_out) if count else [],
        problems=[(text, _mended(screen, campaign, name)) for name, text in problems.items()],
        when=_when(campaign),
        drafted_by=", ".join(drafts.writers_of(campaign.id)),
        ready=not problems,
        may_start=permissions.reach(actor, "write", "approval") is not None,
        contact_picker=of("contact").url(page="picker") if of("contact").can(actor, "read") else "",
        said=said[-1] if said else "",
    )
    return shown if status == 200 else (shown, status)


def _mended(screen: Screen, campaign: Campaign, name: str) -> str:
    """Where the problem with a member, or a block, is mended."""
    if name in _MENDED:
        place = _MENDED[name]
        return place if place.startswith(("/", "#")) else screen.url(campaign.id, place)
    known = {"subject", "other_subject", "send_at", "per_hour", "test_share", "test_hours", "decided_by"}
    return (
        screen.url(campaign.id, "edit") + f"#f-{name}" if name in known else screen.url(campaign.id, f"design#b-{name}")
    )


def _figures(key: int, *, whole: bool = False) -> tuple[Campaign, Figures]:
    campaign = campaign_content.load(key, actor=shell.actor())
    return campaign, campaign_figures.of(campaign, whole=whole)


def _progress(campaign: Campaign, figures: Figures) -> dict[str, Any]:
    screen, mails = of("campaign"), of("message")
    actor = shell.actor()
    shown = mails.can(actor, "read")
    base = f"{mails.url()}?f=campaign_id%3Ais%3A{campaign.id}"
    rows = [
        (label, tile_charts.Value(n, grouped(n), f"{base}&f=state%3Ais%3A{state}" if shown else None))
        for state, label in STATES
        if (n := figures.states.get(state, 0))
    ]
    may, may_start = screen.can(actor, "write"), permissions.reach(actor, "write", "approval") is not None
    offered = {"running": ("pause", "cancel"), "paused": ("resume", "cancel"), "scheduled": ("cancel",)}
    return {
        "url": screen.url(campaign.id, "progress"),
        "moving": campaign.state in _MOVING,
        "state": campaign.state,
        "state_text": dict(CAMPAIGN_STATES)[campaign.state],
        "percent": 100 * figures.over // figures.every if figures.every else 0,
        "over": grouped(figures.over),
        "every": grouped(figures.every),
        "held": grouped(figures.held) if figures.held else "",
        "remark": campaign.remark,
        "when": _when(campaign) if campaign.state == "scheduled" else "",
        "bars": {"id": "fates", "width": 1, "title": _("What became of each e-mail"), "url": base if shown else None,
                 **tile_charts.bars(rows)},
        "left_out": _left_out(figures.left_out),
        "acts": [
            {"label": one.label, "icon": one.icon, "url": screen.url(campaign.id, f"do/{name}"), "danger": one.danger}
            for name in offered.get(campaign.state, ())
            if may and (name != "resume" or may_start) and (one := verbs.find("campaign", name))
        ],
    }  # fmt: skip


def _hours(figures: Figures) -> dict[str, Any] | None:
    if not figures.hours:
        return None
    zone = shell.locale().zone
    steps = []
    for hour, number in figures.hours:
        local = hour.astimezone(zone)
        label = f"{local:%H:%M}"
        steps.append(
            tile_charts.Step(
                label, f"{formats.day_of_month(local)}, {label}", (tile_charts.Value(number, grouped(number), None),)
            )
        )
    drawn = tile_charts.columns(steps, ("",), lambda n: grouped(int(n)))
    return {"id": "hours", "width": 1, "title": _("Sent by hour"), "url": None, "first": _("Hour"),
            "measured": _("E-mails"), "sentence": _("Sent by hour"), **drawn}  # fmt: skip


def _variants(campaign: Campaign, figures: Figures) -> list[dict[str, Any]]:
    return [
        {
            "subject": campaign.subject if one.key == "a" else campaign.other_subject,
            "sent": grouped(one.sent),
            "replies": grouped(one.replies),
            "clicks": grouped(one.clicks),
            "rate": f"{100 * one.rate:.1f}%",
            "better": campaign.winner == one.key,
        }
        for one in figures.variants
    ]


def _reading(figures: Figures) -> dict[str, Any] | None:
    """What was seen of people's reading; None where nothing was."""
    seen, sent = figures.seen, sum(figures.states.get(one, 0) for one in ("sent", "bounced"))
    if seen is None or not (seen.opened[0] or tracking.rules().on):
        return None

    def line(label: str, pair: tuple[int, int]) -> dict[str, str]:
        raw, human = pair
        return {"label": label, "human": grouped(human), "share": f"{100 * human / sent:.1f}%" if sent else "",
                "raw": grouped(raw)}  # fmt: skip

    return {
        "lines": [line(_("Opened"), seen.opened), line(_("Clicked"), seen.clicked)],
        "links": [(url, grouped(number)) for url, number in seen.links],
    }


def _left_out(counts: Any) -> list[tuple[str, str]]:
    return [(grouped(n), _LEFT_OUT[reason]) for reason, n in counts.items()]


def _when(campaign: Campaign) -> str:
    if campaign.send_at is None:
        return _("It leaves at once.")
    told = _told(campaign.send_at)
    if campaign.zoned:
        return _("It leaves at this time of day where each person is: {when}.", when=told)
    return _("It leaves on {when}.", when=told)


def _told(moment: Any) -> str:
    return formats.moment(moment.astimezone(shell.locale().zone)) if moment else ""


def _public_url() -> str:
    return str(current_app.config["PUBLIC_URL"])

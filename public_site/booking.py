"""Booking pages: `/b/<slug>` says what can be booked, `/b/<slug>/<address>` when, and its `/details` takes it.

GET shows, POST acts; all of it works without script and without a cookie. Times are instants in UTC in every link and
form, shown in the visitor's zone once it is known, and in the host's until then. Does not belong here: which times are
free, and booking them (`app.services.bookings`); a booking that is made (`public_site.booking_own`).
"""

from __future__ import annotations

import calendar
import datetime as dt
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from flask import redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.errors import Invalid
from app.services import bookings, throttle
from app.services.booking_letters import clock, moment, token, zone_name
from app.services.bookings import Taken, Visitor
from app.services.operation import operation
from models import formats, normal, scope
from models.booking import PLACES, Booking, BookingPage
from models.fields import now
from models.signed import BadLink, read_link, sign_link
from models.words import N_, _, grouped
from models.workspace import Workspace
from public_site import kit

pages = kit.family("booking")
Answer = str | AnyResponse | tuple[str, int] | tuple[str, int, dict[str, str]]
LIMIT = throttle.Limit("booking", 20)
NOTICE = (
    N_("We use these details to arrange this appointment, and keep them as our "), N_("privacy notice"),
    N_(" says. Bookings are for people 13 or over."),
)  # fmt: skip
LEAST_SECONDS = 2
MOST_MESSAGE = 2000
_PURPOSE = "booking form"
_OPEN_FOR = dt.timedelta(hours=24)
_LABELS = {
    "name": N_("Your name"), "email": N_("E-mail"), "tel": N_("Phone"), "note": N_("What would you like to cover?"),
}  # fmt: skip
# What is offered beside the zone that is shown; any other comes by the address, as the script gives it.
_ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu", "America/Toronto", "America/Mexico_City", "Europe/London", "Europe/Berlin", "Asia/Dubai",
    "Asia/Kolkata", "Asia/Singapore", "Australia/Sydney",
)  # fmt: skip


@dataclass(slots=True)
class Form:
    """What was typed, and what is wrong with it: a sentence per field, and "" for the whole."""

    typed: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    token: str = ""


@pages.get("/b/<slug>")
def index(slug: str) -> str:
    """Everything that can be booked with a brokerage."""
    workspace = kit.hosted(slug)
    with scope.inside(workspace.id):
        offered = [
            (one.name, one.about or "", f"/b/{slug}/{one.address}", one.minutes) for one in bookings.open_pages()
        ]
    return kit.page("booking_index.html", offered=offered)


@pages.get("/b/<slug>/<address>")
def choose(slug: str, address: str) -> str:
    """A day, then a time of it."""
    workspace = kit.hosted(slug)
    with scope.inside(workspace.id):
        page = bookings.page_at(address)
        return times(workspace, page, f"/b/{slug}/{address}", f"/b/{slug}/{address}/details")


@pages.route("/b/<slug>/<address>/details", methods=("GET", "POST"))
def details(slug: str, address: str) -> Answer:
    """Who comes; a POST books."""
    workspace = kit.hosted(slug)
    with scope.inside(workspace.id):
        page = bookings.page_at(address)
        start = instant(request.values.get("at", ""))
        if start is None:
            return redirect(f"/b/{slug}/{address}", 303)
        if request.method != "POST":
            return _details(workspace, page, start, Form(), lost=not bookings.is_free(page, start))
    return _post(workspace, page, start)


def times(
    workspace: Workspace, page: BookingPage, url: str, to: str, *, moved: Booking | None = None, **more: Any
) -> str:
    """The page that a time is chosen on: links to `to` with the time. For a booking that is to be `moved` it begins on
    the day of that.
    """
    hosts = bookings.hosts_of(page)
    theirs = zone_of(hosts, workspace)
    zone = chosen_zone() or theirs
    today = now().astimezone(ZoneInfo(zone)).date()
    asked = _date(request.args.get("day", ""))
    if moved is not None and not request.args.keys() & {"day", "month"}:
        asked = moved.starts_at.astimezone(ZoneInfo(zone)).date()
    month = _month(request.args.get("month", "")) or (asked or today).replace(day=1)
    first, last = _edges(month, zone)
    by_day: dict[dt.date, list[dt.datetime]] = {}
    for slot in bookings.free(page, first, last, moved=moved):
        local = slot.start.astimezone(ZoneInfo(zone))
        by_day.setdefault(local.date(), []).append(local)
    day = asked if asked in by_day else next(iter(by_day), None)
    kept = {"tz": chosen_zone()} if chosen_zone() else {}
    later = None if by_day else _next_free(page, last, zone, moved)
    return kit.page(
        "booking.html",
        page=page,
        about=page.about,
        place=dict(PLACES)[page.place],
        who=who(page, hosts),
        heading=formats.month(month),
        before=_link(url, {**kept, "month": f"{_shift(month, -1):%Y-%m}"}) if month > today.replace(day=1) else "",
        before_label=formats.month(_shift(month, -1)),
        after=_link(url, {**kept, "month": f"{_shift(month, 1):%Y-%m}"}),
        after_label=formats.month(_shift(month, 1)),
        weekdays=[formats.weekday_name(dt.date(2024, 1, 7) + dt.timedelta(days=n)) for n in range(7)],
        weeks=_weeks(month, by_day, day, today, url, kept),
        day=f"{formats.weekday_name(day)} {formats.long_day(day)}" if day else "",
        slots=[_slot(one, theirs, _link(to, {**kept, "at": text_of(one)})) for one in (by_day[day] if day else ())],
        later=(moment(later, zone), _link(url, {**kept, "day": f"{later.astimezone(ZoneInfo(zone)):%Y-%m-%d}"}))
        if later else None,
        zone=zone,
        zone_told=zone_words(zone, by_day[day][0] if day else None),
        known=bool(chosen_zone()),
        theirs=theirs,
        zones=_offered(zone),
        hidden=[(name, value) for name, value in request.args.items() if name in ("day", "month")],
        url=url,
        **more,
    )  # fmt: skip


def who(page: BookingPage, hosts: Iterable[Any]) -> str:
    """With whom: by name where that is sure."""
    names = [host.name for host in hosts]
    if page.strategy == "collective":
        return ", ".join(names)
    return names[0] if names and (page.strategy == "one" or len(names) == 1) else ""


def chosen_zone() -> str:
    """The zone that the visitor is in, as far as the address says; "" where it does not."""
    asked = request.values.get("tz", "")
    return asked if asked in _known_zones() else ""


def instant(text: str) -> dt.datetime | None:
    """A time out of an address, as "2027-03-09T19:00Z"."""
    try:
        found = dt.datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return found if abs(found - now()) < dt.timedelta(days=800) else None


def text_of(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}"


def zone_of(hosts: Sequence[Any], workspace: Workspace) -> str:
    """The zone that a page is in until its visitor says another."""
    return str(hosts[0].zone) if hosts else workspace.zone


def told(at: dt.datetime, theirs: str) -> dict[str, str]:
    """A time in the visitor's zone, and in `theirs`, the host's, where the clocks differ then."""
    mine = chosen_zone() or theirs
    here, there = at.astimezone(ZoneInfo(mine)), at.astimezone(ZoneInfo(theirs))
    differ = here.utcoffset() != there.utcoffset()
    return {
        "when": moment(at, mine), "iso": here.isoformat(timespec="minutes"), "zone": mine, "at": text_of(at),
        "whose": _("your time") if chosen_zone() else _("our time"), "tz": chosen_zone(),
        "there": f"{clock(there)} {zone_name(there)}" if differ else "",
    }  # fmt: skip


def zone_words(zone: str, at: dt.datetime | None = None) -> str:
    """ "New York (EST)" """
    local = (at or now()).astimezone(ZoneInfo(zone))
    return f"{zone.rpartition('/')[2].replace('_', ' ')} ({zone_name(local)})"


def _post(workspace: Workspace, page: BookingPage, start: dt.datetime) -> Answer:
    form = Form({name: request.form.get(name, "").strip() for name in _LABELS}, token=request.form.get("t", ""))
    # People do not see this field; what fills it in gets an answer that books nothing.
    if request.form.get("website"):
        return redirect(f"/b/{workspace.slug}/{page.address}", 303)
    with scope.inside(workspace.id):
        nonce = _nonce(workspace, page, form)
        visitor = _visitor(workspace, form, chosen_zone() or zone_of(bookings.hosts_of(page), workspace))
        if visitor is None or nonce is None:
            return _details(workspace, page, start, form), 422
        actor = kit.visitor("Booking page")
        seconds = throttle.wait(LIMIT, actor.ip or "unknown")
        if seconds:
            form.errors[""] = _(
                "That was a lot of tries. Wait {minutes} minutes. Everything you typed is kept below.",
                minutes=seconds // 60 + 1,
            )
            return _details(workspace, page, start, form), 429, {"Retry-After": str(seconds)}
        with operation("booking.count", actor=actor):
            throttle.count(LIMIT, actor.ip or "unknown")
        try:
            booking = bookings.take(page, start, visitor, nonce=nonce, actor=actor)
        except Taken:
            return _details(workspace, bookings.page_at(page.address), start, form, lost=True), 409
        except Invalid as error:
            form.errors[""] = " ".join(error.fields.values())
            return _details(workspace, page, start, form), 422
        return redirect(f"/b/{workspace.slug}/booked/{token(booking)}", 303)


def _nonce(workspace: Workspace, page: BookingPage, form: Form) -> str | None:
    """The form's own number, or None with an error where it is stale, of another page, or was sent quicker than people
    type."""
    try:
        workspace_id, page_id, nonce, opened = read_link(_PURPOSE, form.token)
    except (BadLink, TypeError, ValueError):
        workspace_id, page_id, nonce, opened = 0, 0, "", 0
    if (workspace_id, page_id) != (workspace.id, page.id):
        form.token = ""
        form.errors[""] = _("You were away a while, so we kept what you typed. Press Confirm once more.")
        return None
    if time.time() - opened < LEAST_SECONDS:
        form.errors[""] = _("That was quick, so we check that you are a person. Press Confirm once more.")
        return None
    return str(nonce)


def _visitor(workspace: Workspace, form: Form, zone: str) -> Visitor | None:
    typed, errors = form.typed, form.errors
    if not typed["name"] or len(typed["name"]) > 200:
        errors["name"] = _("Type your name, at most 200 characters, so that we know whom we meet.")
    try:
        email = normal.email(typed["email"])
    except ValueError as error:
        errors["email"] = str(error) if typed["email"] else _("Type your e-mail address; the confirmation goes there.")
        email = ""
    phone = None
    if typed["tel"]:
        try:
            phone = normal.phone(typed["tel"], workspace.region)
        except ValueError as error:
            errors["tel"] = str(error)
    if len(typed["note"]) > MOST_MESSAGE:
        errors["note"] = _(
            "This text has {n} characters; at most {most} fit.",
            n=grouped(len(typed["note"])),
            most=grouped(MOST_MESSAGE),
        )
    if errors.keys() - {""}:
        errors.pop("", None)
    if errors:
        return None
    notice = "".join(map(str, NOTICE))
    return Visitor(" ".join(typed["name"].split()), email, phone, typed["note"], zone, notice)


def _details(workspace: Workspace, page: BookingPage, start: dt.datetime, form: Form, *, lost: bool = False) -> str:
    fresh = [workspace.id, page.id, secrets.token_hex(12), int(time.time())]
    url = f"/b/{workspace.slug}/{page.address}"
    kept = {"tz": chosen_zone()} if chosen_zone() else {}
    hosts = bookings.hosts_of(page)
    theirs = zone_of(hosts, workspace)
    at = told(start, theirs)
    near = [told(one, theirs) for one in bookings.nearest(page, start)] if lost else []
    return kit.page(
        "booking_details.html",
        page=page,
        place=dict(PLACES)[page.place],
        who=who(page, hosts),
        at=at,
        lost=lost,
        near=near,
        typed=form.typed,
        errors=form.errors,
        labels=_LABELS,
        notice=NOTICE,
        token=(form.token if not lost else "") or sign_link(_PURPOSE, fresh, _OPEN_FOR),
        back=_link(url, {**kept, "day": f"{start.astimezone(ZoneInfo(at['zone'])):%Y-%m-%d}"}),
        most=MOST_MESSAGE,
    )


def _slot(local: dt.datetime, theirs: str, url: str) -> dict[str, str]:
    there = local.astimezone(ZoneInfo(theirs))
    differ = there.utcoffset() != local.utcoffset()
    return {
        "url": url, "iso": local.isoformat(timespec="minutes"), "text": f"{clock(local)} {zone_name(local)}",
        "there": f"{clock(there)} {zone_name(there)}" if differ else "",
    }  # fmt: skip


def _weeks(
    month: dt.date, by_day: Mapping[dt.date, list[dt.datetime]], day: dt.date | None, today: dt.date, url: str,
    kept: Mapping[str, str],
) -> list[list[dict[str, Any]]]:  # fmt: skip
    """The weeks of a month from Sunday on: each day with how many times it has."""
    found = []
    for week in calendar.Calendar(6).monthdatescalendar(month.year, month.month):
        row = []
        for one in week:
            count = len(by_day.get(one, ()))
            cell = {
                "number": one.day if one.month == month.month else 0, "count": count, "today": one == today,
                "weekday": formats.weekday_name(one), "long": formats.month_name(one), "current": one == day,
                "url": _link(url, {**kept, "day": one.isoformat()}) if count else "",
            }  # fmt: skip
            row.append(cell)
        found.append(row)
    return found


def _edges(month: dt.date, zone: str) -> tuple[dt.datetime, dt.datetime]:
    """A month in a zone, as instants."""
    first, after = (dt.datetime.combine(one, dt.time(), ZoneInfo(zone)) for one in (month, _shift(month, 1)))
    return first.astimezone(dt.UTC), after.astimezone(dt.UTC)


def _next_free(page: BookingPage, since: dt.datetime, zone: str, moved: Booking | None) -> dt.datetime | None:
    found = bookings.free(page, since, since + dt.timedelta(days=page.horizon), moved=moved)
    return found[0].start.astimezone(ZoneInfo(zone)) if found else None


def _shift(month: dt.date, by: int) -> dt.date:
    at = month.year * 12 + month.month - 1 + by
    return dt.date(at // 12, at % 12 + 1, 1)


def _month(text: str) -> dt.date | None:
    found = _date(f"{text}-01")
    return found if found is not None and abs(found.year - now().year) < 3 else None


def _date(text: str) -> dt.date | None:
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return found if abs(found.year - now().year) < 3 else None


def _link(url: str, args: Mapping[str, str]) -> str:
    return f"{url}?{urlencode(args)}" if args else url


def _offered(zone: str) -> list[tuple[str, str]]:
    return [(one, zone_words(one)) for one in dict.fromkeys((zone, *_ZONES))]


@cache
def _known_zones() -> frozenset[str]:
    """Read once: the names lie in some six hundred files."""
    return frozenset(available_timezones())

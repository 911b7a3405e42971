"""A booking that was made, behind the signed link of its e-mails: `/b/<slug>/booked/<token>`.

Whoever holds the link may look, put it into a calendar, move it and cancel it. GET shows, POST acts, as mail scanners
follow links. Does not belong here: choosing a first time (`public_site.booking`).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import redirect, request
from werkzeug.wrappers import Response

from app.errors import Gone
from app.services import booking_letters, bookings
from app.services.booking_letters import moment
from app.services.bookings import Taken
from models import scope
from models.base import session
from models.booking import Booking, BookingPage
from models.fields import now
from models.signed import BadLink, read_link
from models.words import _
from models.workspace import Workspace
from public_site import booking, kit

pages = kit.behind_tokens(kit.family("booking_own"))
Answer = str | Response | tuple[str, int]


@pages.get("/b/<slug>/booked/<token>")
def show(slug: str, token: str) -> str:
    workspace, key = _behind(slug, token)
    with scope.inside(workspace.id):
        return _page("booking_own.html", workspace, _load(key), token)


@pages.get("/b/<slug>/booked/<token>/invite.ics")
def invite(slug: str, token: str) -> Response:
    """The calendar object, as in the e-mails."""
    workspace, key = _behind(slug, token)
    with scope.inside(workspace.id):
        found = _load(key)
        method = "CANCEL" if found.state == "cancelled" else "REQUEST"
        text = booking_letters.calendar(found, method)
    answer = Response(text, content_type=f"text/calendar; charset=utf-8; method={method}")
    answer.headers["Content-Disposition"] = 'attachment; filename="invite.ics"'
    return answer


@pages.route("/b/<slug>/booked/<token>/cancel", methods=("GET", "POST"))
def cancel(slug: str, token: str) -> Answer:
    workspace, key = _behind(slug, token)
    with scope.inside(workspace.id):
        found = _load(key)
        if request.method == "POST":
            bookings.cancel(key, request.form.get("why", ""), actor=kit.visitor("Booking page"), by_visitor=True)
            return redirect(f"/b/{slug}/booked/{token}", 303)
        return _page("booking_cancel.html", workspace, found, token)


@pages.route("/b/<slug>/booked/<token>/move", methods=("GET", "POST"))
def move(slug: str, token: str) -> Answer:
    """Another time: without `at` the times there are, with it the question, and a POST moves."""
    workspace, key = _behind(slug, token)
    with scope.inside(workspace.id):
        found = _load(key)
        page = session.get(BookingPage, found.booking_page_id) if found.booking_page_id else None
        if page is None or found.state not in ("asked", "booked") or now() > bookings.changeable_until(found):
            raise Gone(_("It is too late to change this here. Please call us."))
        here = f"/b/{slug}/booked/{token}/move"
        start = booking.instant(request.values.get("at", ""))
        if start is None:
            return booking.times(workspace, page, here, here, moved=found, moving=f"/b/{slug}/booked/{token}")
        to = booking.told(start, booking.zone_of(bookings.hosts_of(page), workspace))
        if request.method == "POST":
            try:
                bookings.move(key, start, actor=kit.visitor("Booking page"), by_visitor=True)
            except Taken:
                return _page("booking_move.html", workspace, _load(key), token, to=to, lost=True), 409
            return redirect(f"/b/{slug}/booked/{token}", 303)
        return _page("booking_move.html", workspace, found, token, to=to)


def _behind(slug: str, token: str) -> tuple[Workspace, int]:
    workspace = kit.hosted(slug)
    try:
        workspace_id, key = read_link(booking_letters.LINK, token)
    except (BadLink, TypeError, ValueError):
        raise _gone() from None
    if workspace_id != workspace.id or not isinstance(key, int):
        raise _gone()
    return workspace, key


def _load(key: int) -> Booking:
    found = session.get(Booking, key)
    if found is None or found.deleted_at is not None:
        raise _gone()
    return found


def _gone() -> Gone:
    return Gone(_("This link no longer works. It has expired or was switched off. You did nothing wrong."))


def _page(template: str, workspace: Workspace, found: Booking, token: str, **more: Any) -> str:
    page = session.get(BookingPage, found.booking_page_id) if found.booking_page_id else None
    zone = found.zone or workspace.zone
    until = bookings.changeable_until(found)
    url = f"/b/{workspace.slug}/booked/{token}"
    tz = urlencode({"tz": found.zone}) if found.zone else ""
    return kit.page(
        template,
        booking=found,
        what=page.name if page is not None else found.title,
        when=moment(found.starts_at, zone),
        iso=found.starts_at.isoformat(timespec="minutes"),
        who=", ".join(member.name for member, _user in booking_letters.hosts_of(found)),
        until=moment(until, zone),
        open=found.state in ("asked", "booked") and now() <= until,
        url=url,
        move_url=f"{url}/move{'?' + tz if tz else ''}",
        again=f"/b/{workspace.slug}",
        **more,
    )

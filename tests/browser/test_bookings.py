"""A visitor in another time zone books, moves and cancels across a change of the clocks, at a phone and without script;
the host sees it in the console.
"""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from playwright.sync_api import Page, expect

from models.fields import now
from tests.browser.conftest import AGENT, PHONE, Visit
from tests.browser.people import mail_to
from tests.browser.product import Product
from tests.browser.test_accessibility import ALL, serious
from tests.browser.test_screenshots import shoot

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
PAGE = "/b/harbour-pine/call"
NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")


def _after_the_next_change() -> dt.date:
    """The first Tuesday after the clocks of New York change next."""
    day = now().astimezone(NEW_YORK).date() + dt.timedelta(days=1)
    noon = dt.time(12)
    before = dt.datetime.combine(day, noon, NEW_YORK).utcoffset()
    while dt.datetime.combine(day, noon, NEW_YORK).utcoffset() == before or day.weekday() != 1:
        day += dt.timedelta(days=1)
    return day


def _open_far_ahead(owner: Page) -> None:
    owner.goto("/booking-pages/1/edit")
    owner.get_by_label(re.compile("^Latest")).fill("300")
    owner.get_by_role("button", name=re.compile("^Save( Ctrl S)?$")).last.click()
    expect(owner.get_by_role("link", name="Open the page")).to_be_visible()


def _fill_in(page: Page, name: str, email: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail").fill(email)
    # The form asks for two seconds of a person's time.
    while page.evaluate("performance.now()") < 2300:
        continue


def test_a_visitor_books_across_a_change_of_the_clocks(product: Product, owner: Page, visit: Visit) -> None:
    _open_far_ahead(owner)
    day = _after_the_next_change()
    page = visit(timezone_id="Europe/London", **PHONE)
    page.goto(f"{PAGE}?day={day}")
    expect(page.get_by_text("Your device is set to Europe/London.")).to_be_visible()
    page.get_by_role("link", name="Use it").click()
    assert not serious(page, ALL)
    shoot(page, "booking-phone")
    nine = dt.datetime.combine(day, dt.time(9), NEW_YORK)
    there = nine.astimezone(LONDON)
    slot = page.locator(".slot").first
    expect(slot).to_contain_text(f"{there.hour % 12 or 12}:00 {'am' if there.hour < 12 else 'pm'}")
    expect(slot).to_contain_text("9:00 am E")
    slot.click()
    _fill_in(page, "Winifred Tideman", "winifred@example.net")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You’re booked")).to_be_visible()
    assert not serious(page, ALL)
    mail = mail_to(product, "winifred@example.net", "You’re booked")
    [part] = [one for one in mail.walk() if one.get_content_type() == "text/calendar"]
    text = part.get_content()
    [event] = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert event.decoded("dtstart") == nine
    assert vobject.readOne(text).vevent.dtstart.value.astimezone(NEW_YORK) == nine

    page.get_by_role("link", name="Reschedule").click()
    page.locator(".slot").nth(3).click()
    page.get_by_role("button", name=re.compile("^Move to")).click()
    later = (nine + dt.timedelta(minutes=90)).astimezone(LONDON)
    expect(page.locator("dl time")).to_contain_text(f"{later.hour % 12 or 12}:30")
    page.get_by_role("link", name="Cancel it").click()
    page.get_by_label("Anything we should know?").fill("Found one already")
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_role("heading", name="This was cancelled")).to_be_visible()
    owner.goto("/bookings/?q=Winifred")
    expect(owner.get_by_role("row", name=re.compile("Winifred"))).to_contain_text("Cancelled")


def test_it_works_without_script_and_a_lost_time_keeps_what_was_typed(owner: Page, visit: Visit) -> None:
    first, second = (visit(java_script_enabled=False) for _ in range(2))
    for page in (first, second):
        page.goto(f"{PAGE}?month={now():%Y-%m}")
        if not page.locator(".slot").count():
            page.get_by_text("The next one is").get_by_role("link").click()
        page.locator(".slot").last.click()
    for at in range(4):
        # Four hosts take turns; the fifth visitor is one too many.
        page = visit(java_script_enabled=False)
        page.goto(first.url)
        _send(page, f"Ulrica{at} Early", f"ulrica{at}@example.net")
        expect(page.get_by_role("heading", name="You’re booked")).to_be_visible()
    second.get_by_label("What would you like to cover?").fill("A garden for the dog")
    _send(second, "Leander Late", "leander@example.net")
    expect(second.get_by_role("heading", name="That time was just taken")).to_be_visible()
    expect(second.get_by_label("What would you like to cover?")).to_have_value("A garden for the dog")
    expect(second.get_by_role("radio")).to_have_count(3)
    _send(second, "Leander Late", "leander@example.net")
    expect(second.get_by_role("heading", name="You’re booked")).to_be_visible()


def _send(page: Page, name: str, email: str) -> None:
    """Twice where the form finds it too quick: without script nobody can wait for it."""
    page.get_by_label("Your name").fill(name)
    page.get_by_label("E-mail").fill(email)
    for _ in range(200):
        with page.expect_navigation():
            page.get_by_role("button", name=re.compile("^Confirm")).click()
        if not page.get_by_text("That was quick").is_visible():
            return


def test_a_host_sees_and_calls_off_a_booking_in_the_console(product: Product, visit: Visit) -> None:
    stranger = visit()
    stranger.goto(PAGE)
    if not stranger.locator(".slot").count():
        stranger.get_by_text("The next one is").get_by_role("link").click()
    stranger.locator(".slot").first.click()
    _fill_in(stranger, "Hesperia Frost", "hesperia@example.net")
    stranger.get_by_role("button", name=re.compile("^Confirm")).click()
    expect(stranger.get_by_role("heading", name="You’re booked")).to_be_visible()
    shoot(stranger, "booking-done")
    guest = visit()
    guest.goto(PAGE)
    shoot(guest, "booking-page")
    broker = visit("imani.okonjo@example.com")
    broker.goto("/bookings/?q=Hesperia")
    broker.get_by_role("link", name=re.compile("Hesperia")).first.click()
    shoot(broker, "booking")
    assert not serious(broker, ALL)
    broker.goto(f"{broker.url.split('?')[0]}/do/cancel")
    broker.get_by_label(re.compile("^Why")).fill("The boiler burst")
    broker.get_by_role("button", name="Cancel").last.click()
    mail = mail_to(product, "hesperia@example.net", "Cancelled: 30-minute call")
    assert "The boiler burst" in str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    stranger.reload()
    expect(stranger.get_by_role("heading", name="This was cancelled")).to_be_visible()
    agent = visit(AGENT)
    agent.goto("/working-hours/")
    rows = agent.locator("tbody")
    expect(rows.get_by_text("Kenji Morita").first).to_be_visible()
    expect(rows.get_by_text("Rosa Villanueva")).to_have_count(0)

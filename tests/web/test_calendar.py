"""A list as a calendar: records on their days, in the viewer's zone and the week of the workspace's region; nobody sees
more than in the list.
"""

from __future__ import annotations

import datetime as dt
import html
import re

import pytest
from flask import Flask

from app.services import field_rights, records, workspaces
from models.contact import Contact
from models.work import Task
from tests.factories import SYSTEM, Browser, World, browser
from tests.factories_deals import deal, pipeline
from tests.factories_fields import define_all
from views.calendar import first_weekday, grid

MONTH = "display=calendar&month=2026-11"


@pytest.fixture
def owner(app: Flask, world: World) -> Browser:
    return browser(app, world.harbour.owner)


def task(world: World, title: str, due: str, who: str = "owner") -> int:
    """A task that is due at a moment of UTC."""
    moment = dt.datetime.fromisoformat(f"{due}+00:00")
    return records.create(Task, {"title": title, "due_at": moment}, actor=world.harbour.actor(who)).id


def days(page: str) -> dict[str, list[str]]:
    """What stands on each day that holds something, times included."""
    found = {}
    for cell in re.findall(r"<td.*?</td>", page, re.DOTALL):
        date = re.search(r'datetime="([^"]+)"', cell)
        entries = re.findall(r"<li><a[^>]*>(.*?)</a>", cell)
        if date and entries:
            found[date[1]] = [re.sub(r"<[^>]*>", "", html.unescape(one)) for one in entries]
    return found


def test_deals_stand_on_their_closing_days(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        stage = pipeline(world.harbour)["Offer out"]
        for title, day in (("18 Alder Ct", 5), ("2 Tannery Sq", 5), ("9 Heron Quay", 30)):
            deal(world.harbour, title, stage, expected_close=dt.date(2026, 11, day))
        deal(world.harbour, "Later", stage, expected_close=dt.date(2026, 12, 31))
    page = owner.get(f"/deals/?{MONTH}&sort=title").text
    assert "November 2026" in page and "Later" not in days(page).get("2026-12-31", [])
    assert days(page) == {"2026-11-05": ["18 Alder Ct", "2 Tannery Sq"], "2026-11-30": ["9 Heron Quay"]}
    assert days(owner.get(f"/deals/?{MONTH}&q=Heron").text) == {"2026-11-30": ["9 Heron Quay"]}
    later = re.search(r'href="([^"]*)" rel="next"', page)
    assert later
    assert days(owner.get(html.unescape(later[1])).text)["2026-12-31"] == ["Later"]
    assert "Nothing in January 2020" in owner.get("/deals/?display=calendar&month=2020-01").text


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("UTC", {"2026-11-01": ["04:30 Early"], "2026-12-01": ["04:30 Late"]}),
        ("America/New_York", {"2026-11-01": ["00:30 Early"], "2026-11-30": ["23:30 Late"]}),
        ("Pacific/Auckland", {"2026-11-01": ["17:30 Early"], "2026-12-01": ["17:30 Late"]}),
    ],
)
def test_a_moment_stands_on_the_day_it_has_for_the_viewer(
    app: Flask, world: World, owner: Browser, zone: str, wanted: dict[str, list[str]]
) -> None:
    with app.app_context(), world.harbour.inside():
        task(world, "Early", "2026-11-01T04:30:00")
        task(world, "Late", "2026-12-01T04:30:00")
    owner.submit("/account/look", {"zone": zone})
    assert days(owner.get(f"/tasks/?{MONTH}").text) == wanted


def test_a_full_day_leads_to_the_list_of_that_day(app: Flask, world: World, owner: Browser) -> None:
    with app.app_context(), world.harbour.inside():
        for hour in range(11):
            task(world, f"Call {hour:02d}", f"2026-11-12T{hour + 5:02d}:00:00")
        task(world, "Midnight after", "2026-11-13T05:00:00")
    owner.submit("/account/look", {"zone": "America/New_York"})
    page = owner.get(f"/tasks/?{MONTH}").text
    shown = days(page)["2026-11-12"]
    assert shown[:2] == ["00:00 Call 00", "01:00 Call 01"] and len(shown) == 9 and shown[-1].startswith("3 more")
    url = re.search(r'<a class="lk" href="([^"]*)">3 more', page)
    assert url
    listed = owner.get(html.unescape(url[1])).text
    assert listed.count("<td role=cell class=k2>") == 11 and "Midnight after" not in listed


def test_weeks_begin_as_in_the_region(app: Flask, world: World, owner: Browser) -> None:
    assert re.findall(r'abbr="(\w+)"', owner.get(f"/tasks/?{MONTH}").text)[0] == "Sunday"
    with app.app_context(), world.harbour.inside():
        workspaces.update_profile(
            {"region": "DE"}, version=workspaces.current().version, actor=world.harbour.actor("owner")
        )
    page = owner.get(f"/tasks/?{MONTH}").text
    assert re.findall(r'abbr="(\w+)"', page)[0] == "Monday"
    assert re.findall(r'<time datetime="([^"]+)"', page)[0] == "2026-10-26"


@pytest.mark.parametrize("region", ["US", "DE", "XX", ""])
def test_a_month_is_whole_weeks_that_hold_all_its_days(region: str) -> None:
    weekday = first_weekday(region)
    for year, month in ((2026, 2), (2026, 11), (2027, 2), (2100, 1)):
        found = grid(dt.date(year, month, 1), weekday)
        assert len(found) % 7 == 0 and found[0].weekday() == weekday and len(found) <= 42
        assert found == [found[0] + dt.timedelta(days=n) for n in range(len(found))]
        inside = [day for day in found if (day.year, day.month) == (year, month)]
        assert inside[0].day == 1 and (inside[-1] + dt.timedelta(days=1)).day == 1


def test_fields_added_at_run_time_make_calendars(app: Flask, world: World, owner: Browser) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        define_all("contact", actor=office.actor("owner"), only=("Anniversary", "Next call"))
        when = dt.datetime(2026, 11, 30, 23, 30, tzinfo=dt.UTC)
        values = {"x_anniversary": dt.date(2026, 11, 9), "x_next_call": when}
        records.update(Contact, office.contacts["Dana Whitcombe"], values, actor=office.actor("owner"))
    owner.submit("/account/look", {"zone": "UTC"})
    assert days(owner.get(f"/contacts/?{MONTH}&by=x_anniversary").text) == {"2026-11-09": ["Dana Whitcombe"]}
    assert days(owner.get(f"/contacts/?{MONTH}&by=x_next_call").text) == {"2026-11-30": ["23:30 Dana Whitcombe"]}


def test_an_agent_sees_their_own_days_and_an_outsider_none(app: Flask, world: World) -> None:
    with app.app_context(), world.harbour.inside():
        task(world, "Mine", "2026-11-10T15:00:00", "agent")
        task(world, "Theirs", "2026-11-10T16:00:00", "stranger")
    agent = browser(app, world.harbour.agent)
    shown = days(agent.get(f"/tasks/?{MONTH}").text)
    assert [one.rpartition(" ")[2] for one in shown["2026-11-10"]] == ["Mine"]
    assert days(browser(app, world.summit.owner).get(f"/tasks/?{MONTH}").text) == {}


def test_a_role_kept_from_the_date_has_no_such_calendar(app: Flask, world: World) -> None:
    office = world.harbour
    with app.app_context(), office.inside():
        task(world, "Secret day", "2026-11-10T15:00:00")
        field_rights.limit(office.broker.role_id, "task", {"due_at": "hidden"}, actor=SYSTEM)
    page = browser(app, office.broker).get(f"/tasks/?{MONTH}&by=due_at").text
    assert "cannot be shown as a calendar" in page and "2026-11-10" not in days(page)


def test_a_view_keeps_the_calendar_but_not_its_month(owner: Browser) -> None:
    form = owner.get(f"/tasks/views/save?{MONTH}&by=due_at").text
    state = re.search(r'name="state" value="([^"]*)"', form)
    assert state
    kept = {"state": html.unescape(state[1]), "name": "Due", "audience": "private"}
    saved = owner.submit("/tasks/views/save", kept).location
    assert f"{dt.datetime.now(dt.UTC):%Y}" in owner.get(saved).text and "November 2030" not in owner.get(saved).text
    other = owner.get(f"{saved}&month=2030-11").text
    assert "November 2030" in other and "edited" not in other

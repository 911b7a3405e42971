"""Reading is noted where it may be: off means off, who must be asked is asked, and scanners are no people."""

from __future__ import annotations

import re
import threading

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Conflict, Gone, Invalid
from app.services import (
    campaign_figures,
    campaigns,
    consent,
    erasure,
    timeline,
    tracked_events,
    tracked_mail,
    tracking,
)  # fmt: skip
from app.services.tracked_events import Glance
from app.services.tracked_mail import Target
from models import scope
from models.base import session
from models.message import Message
from models.scope import Actor
from models.tracking import EVENTS, TrackedEvent, TrackingSetting
from tests import campaigns_kit, tracking_kit
from tests.campaigns_kit import Sink
from tests.contracts import state
from tests.factories import Browser
from tests.tracking_kit import BLOCKS, GERMANY, READER, US, addresses, apart, events, follow, later, page, sent

house, sink = tracking_kit.house, tracking_kit.sink


def test_off_means_off(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    tracking.save({}, version=1, actor=house)
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    text = page(sink, "ann@example.net")
    assert "/p/mail/go/" not in text and "/p/mail/seen/" not in text
    assert 'href="https://harbor.example/2"' in text
    key = session.scalars(sa.select(Message.id)).one()
    for kind in ("open", "click"):
        assert not tracked_events.note(
            kind, Target(scope.workspace_id(), key, "https://harbor.example/2"), Glance(READER)
        )
    assert events() == []


def test_who_must_be_asked_is_asked(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    people = {
        "ann": campaigns_kit.person("Ann", phone=US, actor=house),
        "bea": campaigns_kit.person("Bea", phone=GERMANY, actor=house),
        "cid": campaigns_kit.person("Cid", phone=GERMANY, actor=house),
        "dan": campaigns_kit.person("Dan", actor=house),
        "eve": campaigns_kit.person("Eve", phone=US, actor=house),
    }
    consent.give(people["cid"].id, "tracking", wording="Yes", source="call", actor=house)
    consent.withdraw(people["eve"].id, "tracking", source="call", actor=house)
    sent(app, sink, house)
    followed = {name for name in people if "/p/mail/go/" in page(sink, f"{name}@example.net")}
    assert followed == {"ann", "cid"}, "at home, and asked; no country, no answer and a no are left alone"
    assert "/p/mail/seen/" not in page(sink, "bea@example.net")
    token = addresses(page(sink, "cid@example.net"), "go")[0]
    consent.withdraw(people["cid"].id, "tracking", source="call", actor=house)
    with later():
        assert follow(client, "go", token).status_code == 302
    assert events() == [], "who took it back meanwhile still gets where the link leads, and nothing is written"


def test_a_click_leads_on_and_is_told_once_on_the_timeline(
    app: Flask, client: Browser, house: Actor, sink: Sink
) -> None:
    ann = campaigns_kit.person("Ann", phone=US, actor=house)
    made = sent(app, sink, house)
    text = page(sink, "ann@example.net")
    links, (pixel,) = addresses(text, "go"), addresses(text, "seen")
    assert len(links) == 4 and len(text) < 40_000
    own = re.findall(r'href="https?://[^"/]+(/p/[^"]+)"', text)
    assert len([one for one in own if not one.startswith("/p/mail/go/")]) == 2, "stopping is nobody's business"
    plain = sink.read(0).get_body(("plain",))
    assert plain is not None and "https://harbor.example/2" in plain.get_content()
    with later():
        seen = follow(client, "seen", pixel)
        assert (seen.status_code, seen.mimetype, seen.headers["Cache-Control"]) == (200, "image/gif", "no-store")
        answer = follow(client, "go", links[0])
        assert answer.headers["Location"] == "https://harbor.example/a?b=1&c=2"
        assert "Set-Cookie" not in answer.headers
        follow(client, "go", links[0])
        follow(client, "seen", pixel)
    assert [(row["kind"], row["human"]) for row in events()] == [
        ("open", True), ("click", True), ("click", True), ("open", True),
    ]  # fmt: skip
    told = [(e.verb, e.body) for e in timeline.events(ann, actor=house) if e.kind == "seen"]
    assert told == [("click", "https://harbor.example/a?b=1&c=2"), ("open", None)]
    seen_of = campaign_figures.of(made, whole=True).seen
    assert seen_of is not None
    assert (seen_of.opened, seen_of.clicked) == ((1, 1), (1, 1))
    assert seen_of.links == (("https://harbor.example/a?b=1&c=2", 1),)


@pytest.mark.parametrize(
    ("why", "agent", "headers", "wait"),
    [
        ("early", READER, {}, 0),
        ("agent", "", {}, 60),
        ("agent", "Mozilla/5.0", {}, 60),
        ("agent", "Mozilla/5.0 (compatible; Googlebot/2.1)", {}, 60),
        ("agent", "python-requests/2.32", {}, 60),
        ("ahead", READER, {"Sec-Purpose": "prefetch;prerender"}, 60),
    ],
)
def test_what_is_no_person_is_counted_apart(
    app: Flask, client: Browser, house: Actor, sink: Sink, why: str, agent: str, headers: dict[str, str], wait: int
) -> None:
    ann = campaigns_kit.person("Ann", phone=US, actor=house)
    made = sent(app, sink, house)
    text = page(sink, "ann@example.net")
    with later(wait):
        for kind in ("go", "seen"):
            follow(client, kind, addresses(text, kind)[0], agent, **headers)
    assert [(row["human"], row["why"]) for row in events()] == [(False, why)] * 2
    seen = campaign_figures.of(made, whole=True).seen
    assert seen is not None and (seen.opened, seen.clicked, seen.links) == ((1, 0), (1, 0), ())
    assert [e for e in timeline.events(ann, actor=house) if e.kind == "seen"] == []


def test_a_scanner_under_a_readers_name_gives_itself_away_by_haste(
    app: Flask, client: Browser, house: Actor, sink: Sink
) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    links = addresses(page(sink, "ann@example.net"), "go")
    with later(3600):
        for token in links:
            follow(client, "go", token)
    assert {(row["human"], row["why"]) for row in events()} == {(False, "burst")}, "the first ones too"
    with later(7200):
        follow(client, "go", links[0])
    assert events()[-1]["human"], "who reads later is a person again"


def test_links_followed_at_the_same_moment_are_one_burst(app: Flask, house: Actor, sink: Sink) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    place, key = scope.workspace_id(), session.scalars(sa.select(Message.id)).one()
    session.commit()
    start = threading.Barrier(6)

    def scan(at: int) -> None:
        start.wait()
        with app.app_context():
            tracked_events.note("click", Target(place, key, f"https://harbor.example/{at}"), Glance(READER))

    with later(3600):
        threads = [threading.Thread(target=scan, args=(at,)) for at in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert [row["why"] for row in events()] == ["burst"] * 6


def test_head_is_nobody(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    (pixel,) = addresses(page(sink, "ann@example.net"), "seen")
    with later():
        apart(client.head, f"/p/mail/seen/{pixel}", headers={"User-Agent": READER})
    assert [row["why"] for row in events()] == ["head"]


def test_an_address_leads_nowhere_that_we_did_not_write(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    text = page(sink, "ann@example.net")
    (pixel,), link = addresses(text, "seen"), addresses(text, "go")[0]
    for token in (pixel, link[:-2], f"{link}x", "https://evil.example", ""):
        answer = apart(client.get, f"/p/mail/go/{token}")
        assert answer.status_code in (404, 410) and "Location" not in answer.headers
    with pytest.raises(Gone):
        tracked_mail.read(tracked_mail.OPEN, link)
    assert events() == []


def test_a_flood_is_kept_to_a_hundred(app: Flask, house: Actor, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    monkeypatch.setattr(tracked_events, "MOST", 3)
    target = Target(scope.workspace_id(), session.scalars(sa.select(Message.id)).one(), None)
    assert [tracked_events.note("open", target, Glance(READER)) for _ in range(5)] == [True] * 3 + [False] * 2
    assert len(events()) == 3


def test_two_subjects_are_decided_by_clicks(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    for at in range(8):
        campaigns_kit.person(f"Ann{at}", phone=US, actor=house)
    made = sent(
        app, sink, house, other_subject="Look", test_share=50, test_hours=1, decided_by="clicks",
    )  # fmt: skip
    second = [one for one in session.scalars(sa.select(Message)) if one.variant == "b" and one.state == "sent"]
    assert second
    with later():
        follow(client, "go", addresses(page(sink, second[0].recipient), "go")[0])
    assert campaign_figures.decide(made.id, actor=house) == "b"
    assert {one.key: one.clicks for one in campaign_figures.of(made, whole=True).variants} == {"a": 0, "b": 1}


def test_clicks_decide_only_where_they_are_noted(app: Flask, house: Actor) -> None:
    tracking.save({"opens": 1}, version=1, actor=house)
    made = campaigns_kit.campaign(house, BLOCKS, other_subject="Look", test_share=50, test_hours=1, decided_by="clicks")
    with pytest.raises(Invalid) as refused:
        campaigns.start(made.id, version=made.version, public_url=campaigns_kit.URL, actor=house)
    assert "switch them on" in refused.value.fields["decided_by"].lower()


def test_what_was_seen_goes_with_the_person(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    ann = campaigns_kit.person("Ann", phone=US, actor=house)
    sent(app, sink, house)
    with later():
        follow(client, "seen", addresses(page(sink, "ann@example.net"), "seen")[0])
    assert len(events()) == 1
    erasure.person(ann.id, actor=house)
    assert events() == []


def test_settings_are_the_workspaces_own(app: Flask, house: Actor) -> None:
    with pytest.raises(Conflict):
        tracking.save({"opens": 1}, version=0, actor=house)
    with pytest.raises(Invalid, match="no country"):
        tracking.save({"countries": "DE Narnia"}, version=1, actor=house)
    other = campaigns_kit.brokerage("elsewhere")
    with scope.inside(other):
        assert tracking.rules().on == frozenset()
        assert session.scalars(sa.select(TrackingSetting)).all() == []
    assert [row["action"] for row in state.rows("audit") if row["action"].startswith("tracking")] == ["tracking.saved"]


def test_the_catalogue_is_closed(app: Flask, house: Actor) -> None:
    """P36: exactly these, and no other is ever written down."""
    assert [key for key, _label in EVENTS] == [
        "send", "open", "click", "reply", "alert", "video_page", "playback", "booking", "return_visit",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no catalogue"):
        tracked_events.note("scroll", Target(1, 1, None), Glance(READER))


def test_an_outsider_sees_no_reading(app: Flask, client: Browser, house: Actor, sink: Sink) -> None:
    campaigns_kit.person("Ann", phone=US, actor=house)
    made = sent(app, sink, house)
    with later():
        follow(client, "seen", addresses(page(sink, "ann@example.net"), "seen")[0])
    other = campaigns_kit.brokerage("elsewhere")
    with scope.inside(other):
        assert session.scalars(sa.select(TrackedEvent)).all() == []
        assert tracked_events.of_campaign(made.id).opened == (0, 0)

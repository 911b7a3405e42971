"""Reading is noted the same on PostgreSQL, behind its row security; links that are followed at once are one burst."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.services import records, timeline, tracked_events, tracked_visits, tracking
from app.services.tracked_events import Glance
from app.services.tracked_mail import Target
from models import scope
from models.base import session
from models.campaign import OCCASION, Campaign
from models.contact import Contact
from models.fields import now
from models.message import Message
from models.scope import Actor, ActorKind
from models.signed import sign_link
from models.tracking import TrackedEvent
from models.workspace import Workspace
from tests import postgres_world
from tests.factories import Office
from tests.tracking_kit import READER, US

pytestmark = pytest.mark.needs("postgres")
VISITOR = Actor(ActorKind.PUBLIC, "Website visitor")


def left(office: Office, name: str) -> tuple[Contact, Message]:
    """An e-mail of a campaign that left an hour ago; must run inside the office."""
    owner = office.actor("owner")
    person = records.create(Contact, {"name": name, "phone": US}, actor=owner)
    campaign = records.create(Campaign, {"name": "May", "subject": "Homes"}, actor=owner)
    mail = Message(
        contact_id=person.id, recipient=f"{name.lower()}@example.net", subject="Homes", body="", kind="marketing",
        cause="campaign", cause_id=str(campaign.id), occasion=OCCASION, campaign_id=campaign.id, variant="a",
        state="sent", sent_at=now() - dt.timedelta(hours=1), owner_id=owner.membership_id, source="campaign",
        created_by="Test",
    )  # fmt: skip
    session.add(mail)
    session.commit()
    return person, mail


def follow_at_once(app: Flask, place: int, message: int, links: list[str]) -> None:
    start = threading.Barrier(len(links))

    def run(link: str) -> None:
        with app.app_context():
            start.wait()
            tracked_events.note("click", Target(place, message, link), Glance(READER))

    threads = [threading.Thread(target=run, args=(link,)) for link in links]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def test_reading_on_postgresql(tmp_path: Path) -> None:
    with postgres_world.served(tmp_path) as (app, world):
        office, other = world.harbour, world.summit
        with app.app_context(), office.inside():
            owner = office.actor("owner")
            tracking.save({"opens": 1, "clicks": 1, "visits": 1, "countries": "DE"}, version=0, actor=owner)
            person, mail = left(office, "Ann")
            keys = person.id, mail.id, mail.campaign_id
        with app.app_context():
            assert tracked_events.note("open", Target(office.id, keys[1], None), Glance(READER))
            assert not tracked_events.note("open", Target(other.id, keys[1], None), Glance(READER)), "of another house"
        follow_at_once(app, office.id, keys[1], [f"https://harbor.example/{at}" for at in range(5)])
        with app.app_context(), office.inside():
            rows = session.scalars(sa.select(TrackedEvent).where(TrackedEvent.kind == "click")).all()
            assert len(rows) == 5 and {one.why for one in rows} == {"burst"}
            seen = tracked_events.of_campaign(keys[2])
            assert (seen.opened, seen.clicked) == ((1, 1), (1, 0))
            mark = sign_link(tracked_visits.PURPOSE, [office.id, keys[0]], dt.timedelta(days=1))
            place = session.get_one(Workspace, office.id)
        with app.app_context():
            assert tracked_visits.take(mark, "yes", place, Glance(READER), actor=VISITOR)
            assert tracked_visits.take(mark, tracked_visits.KIND, place, Glance(READER), actor=VISITOR)
            assert not tracked_visits.take(mark, tracked_visits.KIND, place, Glance(READER), actor=VISITOR)
        with app.app_context(), office.inside(), scope.seen_as(owner.role_id):
            told = timeline.events(session.get_one(Contact, keys[0]), actor=owner)
            assert {one.verb for one in told if one.kind == "seen"} == {"open", "return_visit"}
            stranger = office.actor("stranger")
            assert not [one for one in timeline.events(session.get_one(Contact, keys[0]), actor=stranger)
                        if one.kind == "seen" and one.verb == "open"]  # fmt: skip
        with app.app_context(), other.inside():
            assert session.scalars(sa.select(TrackedEvent)).all() == []

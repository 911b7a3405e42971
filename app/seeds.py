"""Demo data for an empty database: invented brokerages with offices, people, contacts, deals and weeks of work behind
them.

The same seed and day give the same data. Nobody gets a password: the caller hands out a one-time sign-in link. Belongs
here: the brokerages and the order in which they are filled. Does not belong here: single records (`app.seed_records`),
the bulk of measurements (`app.seed_scale`).
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import seed_fields, seed_scale
from app.errors import Conflict
from app.seed_records import Colleague, Place, Story
from app.services import accounts, bookings, records, workspaces  # noqa: F401  the rules of bookings
from app.services.operation import operation
from models import normal, scope
from models.base import session
from models.booking import WEEKDAYS, Booking, BookingBlock, BookingHost, BookingPage, WorkingHours
from models.campaign import Campaign, MailDesign
from models.contact import Contact
from models.deal import Pipeline, Stage
from models.fields import now
from models.workspace import Membership, Team, Workspace

ACTOR = scope.system("Demo data")
STORY = 120
_SHORT_STORY = 12
_TITLES = {
    "owner": "Principal broker",
    "admin": "Operations manager",
    "broker": "Managing broker",
    "agent": "Agent",
    "assistant": "Transaction coordinator",
    "compliance": "Compliance officer",
    "read_only": "Accountant",
}
_COAST = Place("Portland", "ME", "041", ("207", "603", "617", "978"))
_PEAKS = Place("Boulder", "CO", "803", ("303", "720", "970", "719"))


@dataclass(frozen=True, slots=True)
class Brokerage:
    """What is known of a brokerage before it is made; `people` are (name, role, index of the office or None)."""

    name: str
    slug: str
    zone: str
    color: str
    street: str
    place: Place
    offices: tuple[str, ...]
    people: tuple[tuple[str, str, int | None], ...]
    mail_suffix: str = ""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was made: (id, slug, name) of each workspace, the first owner's address and the number of contacts."""

    workspaces: tuple[tuple[int, str, str], ...]
    owner_email: str
    contacts: int


BROKERAGES = (
    Brokerage(
        "Harbour & Pine",
        "harbour-pine",
        "America/New_York",
        "#10414d",
        "12 Wharf Street",
        _COAST,
        ("Old Port office", "Pine Hill office"),
        (
            ("Maren Solheim", "owner", 0),
            ("Tobias Achterberg", "admin", None),
            ("Imani Okonjo", "broker", 1),
            ("Rosa Villanueva", "agent", 0),
            ("Kenji Morita", "agent", 0),
            ("Saoirse Dunleavy", "agent", 1),
            ("Farid Haddadi", "agent", 1),
            ("Lucie Marchand", "assistant", 0),
            ("Desmond Achebe", "compliance", None),
        ),
    ),
    Brokerage(
        "Summit Realty",
        "summit-realty",
        "America/Denver",
        "#8a4b1f",
        "400 Ridgeline Drive",
        _PEAKS,
        ("Downtown office", "Foothills office", "Rentals"),
        (
            ("Calvin Brightwater", "owner", 0),
            ("Noor El-Amin", "admin", None),
            ("Henrik Vasström", "broker", 1),
            ("Paloma Quiroga", "agent", 0),
            ("Dashiell Crane", "agent", 1),
            ("Anjali Raman", "agent", 2),
            ("Mateo Ibáñez", "agent", 0),
            ("Wren Halloway", "assistant", 1),
            ("Greta Lindholm", "read_only", None),
        ),
    ),
)
_FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Delta", "Elm", "Fairway", "Granite", "Heron", "Indigo", "Juniper")
_SECOND_WORDS = ("Bay", "Canyon", "Field", "Gate", "Hollow")


def fill(
    *, seed: int = 1, brokerages: int = 2, contacts: int | None = None, today: dt.datetime | None = None
) -> Seeded:
    """Fill an empty database; raises `Conflict` where anybody works already. `contacts` is the number over all
    brokerages.

    Each brokerage has a story (records with their history); what `contacts` asks beyond the stories are contacts alone.
    """
    if not is_empty():
        raise Conflict(
            "Demo data goes into an empty database only, and this one has workspaces. Nothing was changed.", version=0
        )
    rng, moment = random.Random(seed), today or now()  # noqa: S311 (repeatable data, no secret)
    share = STORY if contacts is None else contacts // brokerages
    made: list[tuple[int, str, str]] = []
    total = 0
    for index in range(brokerages):
        plan = BROKERAGES[index] if index < len(BROKERAGES) else _further(index)
        most = STORY if index < len(BROKERAGES) else _SHORT_STORY
        workspace_id, colleagues = _found(plan, rng, min(most, share), moment, seed)
        made.append((workspace_id, plan.slug, plan.name))
        extra = share + (contacts or 0) % brokerages * (index == 0) - min(most, share) if contacts is not None else 0
        if extra:
            seed_scale.add_contacts(workspace_id, extra, colleagues, rng, moment, actor=ACTOR)
        total += min(most, share) + extra
    if contacts is not None:
        seed_scale.analyze()
    return Seeded(tuple(made), _address(BROKERAGES[0], BROKERAGES[0].people[0][0]), total)


def is_empty() -> bool:
    """Whether nobody has begun to work in this database."""
    with scope.across_workspaces("is there any workspace"):
        return session.scalar(sa.select(Workspace.id).limit(1)) is None


def _found(
    plan: Brokerage, rng: random.Random, contacts: int, moment: dt.datetime, seed: int
) -> tuple[int, list[Colleague]]:
    """One brokerage with its story, whole or not at all."""
    with scope.across_workspaces("demo brokerages are founded"), operation("seed.demo", actor=ACTOR) as op:
        owner = accounts.NewUser(plan.people[0][0], _address(plan, plan.people[0][0]))
        workspace, head = workspaces.provision_workspace(
            plan.name, owner=owner, actor=ACTOR, slug=plan.slug, **_profile(plan)
        )
        with scope.inside(workspace.id):
            colleagues = _hire(plan, head, rng)
            stages = [(s.id, s.outcome) for s in session.scalars(sa.select(Stage).order_by(Stage.position))]
            _rentals()
            _campaign(head)
            page = _booking_page([one.membership_id for one in colleagues if one.role == "agent"])
            seed_fields.define(ACTOR)
            Story(op, workspace.id, plan.zone, plan.place, colleagues, stages, rng, moment, f"seed {seed}").tell(
                contacts
            )
            _bookings(page, ZoneInfo(plan.zone), moment)
    return workspace.id, colleagues


def _profile(plan: Brokerage) -> dict[str, str]:
    mailbox = plan.slug.replace("-", "")
    return {
        "zone": plan.zone,
        "color": plan.color,
        "address": f"{plan.street}, {plan.place.city}, {plan.place.state} {plan.place.zip_start}01",
        "phone": f"+1{plan.place.areas[0]}5550100",
        "email": f"hello.{mailbox}@example.com",
        "privacy_email": f"privacy.{mailbox}@example.com",
        "website": f"https://{mailbox}.example.com",
        "license": f"{plan.place.state}-0{plan.place.areas[0]}117",
    }


def _hire(plan: Brokerage, head: Membership, rng: random.Random) -> list[Colleague]:
    """Offices and people; the owner (`head`) is a member already and moves into an office."""
    teams = [_open_office(plan, index) for index in range(len(plan.offices))]
    colleagues = []
    for index, (name, role, office) in enumerate(plan.people):
        team_id = teams[office] if office is not None else None
        facts: dict[str, Any] = {
            "team_id": team_id,
            "job_title": _TITLES[role],
            "phone": f"+1{plan.place.areas[0]}55501{10 + index}",
        }
        if role in ("owner", "broker", "agent"):
            facts["license"] = f"{plan.place.state}-{rng.randint(200_000, 899_999)}"
        if role == "owner":
            member = head
            for field, value in facts.items():
                setattr(member, field, value)
        else:
            user = accounts.create_user(accounts.NewUser(name, _address(plan, name)), actor=ACTOR)
            member = workspaces.add_member(user, role, actor=ACTOR, **facts)
            user.last_workspace_id = member.workspace_id
        session.flush()
        colleagues.append(Colleague(member.id, team_id, name, role))
    return colleagues


def _open_office(plan: Brokerage, index: int) -> int:
    phone = f"+1{plan.place.areas[0]}55501{30 + index}"
    place, street = plan.place, plan.street.partition(" ")[2]
    address = f"{20 + 31 * index} {street}, {place.city}, {place.state} {place.zip_start}0{index + 2}"
    return int(
        records.create(
            Team, {"name": plan.offices[index], "phone": phone, "address": address}, actor=ACTOR, source="demo"
        ).id
    )


def _rentals() -> None:
    """A second way for deals to go, beside the pipeline that every workspace starts with."""
    pipeline = records.create(Pipeline, {"name": "Rentals"}, actor=ACTOR, source="demo")
    for position, (name, probability, outcome) in enumerate(
        (("Inquiry", 20, "open"), ("Application", 55, "open"), ("Lease signed", 100, "won")), 1
    ):
        values = {
            "name": name,
            "pipeline_id": pipeline.id,
            "position": position,
            "probability": probability,
            "outcome": outcome,
        }
        records.create(Stage, values, actor=ACTOR, source="demo")


def _campaign(head: Membership) -> None:
    """A draft to many, so that the editor has something to show."""
    made = Campaign(
        name="Homes of the season", subject='{{ contact.first_name | default("Neighbour") }}, homes of the season',
        preheader="Before they are on the market", owner_id=head.id, team_id=head.team_id, source="demo",
        created_by=head.name,
    )  # fmt: skip
    session.add(made)
    session.flush()
    texts = (
        ("heading", "Homes of the season"),
        ("text", 'Dear {{ contact.first_name | default("neighbour") }},\n\nthese are the homes we **look forward** to '
                 "showing you.\n\n- two by the water\n- one with a garden"),
    )  # fmt: skip
    blocks: list[dict[str, Any]] = [
        {"id": f"b{place}", "kind": kind, "text": text} for place, (kind, text) in enumerate(texts)
    ]
    session.add(MailDesign(campaign_id=made.id, blocks=[*blocks, {"id": "b2", "kind": "signature"}], wave=0))


def _booking_page(hosts: list[int]) -> BookingPage:
    """A page on which a call with one of the agents can be booked on working days."""
    given = {
        "name": "30-minute call", "address": "call", "after": 15,
        "about": "We talk about what you are looking for, your budget and the next steps. No charge, no obligation.",
    }  # fmt: skip
    page: BookingPage = records.create(BookingPage, given, actor=ACTOR, source="demo")
    for host in hosts:
        at = {"booking_page_id": page.id, "membership_id": host}
        records.create(BookingHost, at, actor=ACTOR, source="demo")
        for weekday, _label in WEEKDAYS[:5]:
            records.create(WorkingHours, {"owner_id": host, "weekday": weekday}, actor=ACTOR, source="demo")
    return page


def _bookings(page: BookingPage, zone: ZoneInfo, moment: dt.datetime) -> None:
    """A call that took place last week, and one of next week."""
    people = session.execute(
        sa.select(Contact.id, Contact.name, Contact.email, Contact.owner_id)
        .where(Contact.email.is_not(None), Contact.owner_id.is_not(None)).order_by(Contact.id).limit(2)
    )  # fmt: skip
    for number, (contact, (days, state)) in enumerate(zip(people, ((-7, "kept"), (7, "booked")), strict=False)):
        day = moment.astimezone(zone).date() + dt.timedelta(days=days)
        day -= dt.timedelta(days=max(0, day.weekday() - 4))
        start = dt.datetime.combine(day, dt.time(10 + 4 * number), zone).astimezone(dt.UTC)
        end = start + dt.timedelta(minutes=page.minutes)
        given = {
            "title": f"{page.name}: {contact.name}", "booking_page_id": page.id, "contact_id": contact.id,
            "email": contact.email, "owner_id": contact.owner_id, "starts_at": start, "ends_at": end,
            "place": "By phone",
        }  # fmt: skip
        made = records.create(Booking, given, actor=ACTOR, source="demo")
        made.state, made.uid = state, f"demo-{made.id}"
        session.add(BookingBlock(
            booking_id=made.id, contact_id=contact.id, membership_id=contact.owner_id, starts_at=start,
            ends_at=end + dt.timedelta(minutes=page.after),
        ))  # fmt: skip
    session.flush()


def _further(index: int) -> Brokerage:
    """A brokerage beyond the two that have names of their own."""
    words = (
        f"{_FIRST_WORDS[index % len(_FIRST_WORDS)]} {_SECOND_WORDS[index // len(_FIRST_WORDS) % len(_SECOND_WORDS)]}"
    )
    base = BROKERAGES[index % len(BROKERAGES)]
    number = index + 1
    people = tuple((name, role, office) for name, role, office in base.people)
    return Brokerage(
        f"{words} Homes {number}",
        f"brokerage-{number}",
        base.zone,
        base.color,
        base.street,
        base.place,
        base.offices,
        people,
        f".{number}",
    )


def _address(plan: Brokerage, name: str) -> str:
    return f"{normal.name_key(name).replace(' ', '.')}{plan.mail_suffix}@example.com"

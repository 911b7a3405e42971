"""The story of one demo brokerage: contacts and the weeks of calls, viewings, notes, deals, tasks and e-mails around
them.

Rows are prepared as dictionaries and inserted in bulk, each with its rows of history: `change` is dated and signed as
the work it tells of, `audit` says truthfully that the demo data wrote it, now. Belongs here: records of a brokerage
that exists.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from app import seed_words as words
from app.seed_writing import WHY, Row, Writer
from app.services.operation import Operation
from models import normal
from models.base import session
from models.contact import Contact, ContactAddress, ContactEmail, ContactPhone, ContactTag, Tag
from models.deal import Deal
from models.message import Message, Suppression
from models.work import Activity, Note, Task

DAYS = 84
_TYPES = (
    ("buyer", 40),
    ("seller", 22),
    ("lead", 12),
    ("landlord", 6),
    ("tenant", 8),
    ("farming", 6),
    ("vendor", 4),
    ("other", 2),
)
_SIDES = {"buyer": "buy", "lead": "buy", "seller": "sell", "farming": "sell", "landlord": "let", "tenant": "rent"}
_BASES = (("legitimate_interest", 35), ("consent", 30), ("contract", 20), ("unknown", 15))
_DOMAINS = ("example.com", "example.net", "example.org")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a brokerage is: city, state, first three digits of its postal codes, area codes of its phones."""

    city: str
    state: str
    zip_start: str
    areas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member who can own records."""

    membership_id: int
    team_id: int | None
    name: str
    role: str


class Story:
    """Tells `count` contacts and what happened with them. Runs inside the workspace, as part of the operation `op`."""

    def __init__(
        self,
        op: Operation,
        workspace_id: int,
        zone: str,
        place: Place,
        people: Sequence[Colleague],
        stages: Sequence[tuple[int, str]],
        rng: random.Random,
        today: dt.datetime,
        origin: str,
    ) -> None:
        self.writer = Writer(op, workspace_id)
        self.workspace_id, self.zone, self.place, self.origin = workspace_id, ZoneInfo(zone), place, origin
        self.rng, self.today, self.stages = rng, today, stages
        self.workers = [p for p in people if p.role in ("owner", "broker", "agent")]
        self.contacts: list[Row] = []
        self.mailboxes: set[str] = set()

    def tell(self, count: int) -> None:
        if not count:
            return
        self.contacts = self.writer.insert(Contact, [self._contact(index) for index in range(count)])
        self._details()
        self._tags()
        deals = self.writer.insert(
            Deal, [self._deal(index, contact) for index, contact in enumerate(self._some(count // 4))]
        )
        self.writer.insert(Note, _dated(self._note(c, d) for c, d in self._with_deal(deals, count // 2)))
        self.writer.insert(Activity, _dated(self._activity(c, d) for c, d in self._with_deal(deals, count)))
        tasks = enumerate(self._with_deal(deals, count // 3))
        self.writer.insert(Task, _dated(self._task(i, c, d) for i, (c, d) in tasks))
        letters = enumerate(self._some(count // 4))
        self.writer.insert(Message, _dated(self._message(i, c) for i, c in letters if c["email"]))
        self._suppress()
        self._move(Contact, [(c, "stage", "new", c["stage"]) for c in self.contacts if c["stage"] != "new"])
        place = {stage: index for index, (stage, _) in enumerate(self.stages)}
        self._move(
            Deal,
            [
                (d, "stage_id", self.stages[max(place[d["stage_id"]] - 1, 0)][0], d["stage_id"])
                for d in deals
                if place[d["stage_id"]]
            ],
        )
        table = Contact.__table__
        moved = sa.update(table).where(table.c.id == sa.bindparam("key")).values(last_activity=sa.bindparam("at"))
        session.execute(
            moved, [{"key": c["id"], "at": c["last_activity"]} for c in self.contacts], execution_options=WHY
        )

    def _move(self, model: type[Any], moves: list[tuple[Row, str, Any, Any]]) -> None:
        dated = [
            (row | {"created_at": self._after(row["created_at"])}, name, old, new) for row, name, old, new in moves
        ]
        self.writer.moved(model, dated)

    # People

    def _contact(self, index: int) -> Row:
        rng = self.rng
        last = rng.choice(words.DOUBLE_LAST if rng.random() < 0.06 else words.LAST)
        name = f"{rng.choice(words.FIRST)} {last}"
        kind, born = self._weighted(_TYPES), None
        added = self._when(DAYS * rng.random() ** 1.3)
        if rng.random() < 0.3:
            born = dt.date(rng.randint(1948, 2001), rng.randint(1, 12), rng.randint(1, 28))
        low = rng.randint(18, 52) * 100_000_00 // 4 if kind in ("buyer", "lead") else rng.randint(14, 38) * 100_00
        wants = kind in ("buyer", "lead", "tenant")
        age = (self.today - added).days
        stage = self._weighted((("new", max(26 - age, 4)), ("qualified", 24), ("active", 26), ("nurture", 12),
                                ("under_contract", 6 + age // 14), ("closed", age // 8), ("lost", 5)))  # fmt: skip
        return self._owned(added) | {
            "name": name,
            "goes_by": name.split()[0],
            "company": rng.choice(words.COMPANIES) if kind == "vendor" or rng.random() < 0.2 else None,
            "job_title": rng.choice(words.JOBS) if rng.random() < 0.45 else None,
            "type": kind,
            "stage": stage,
            "email": self._email(name, index),
            "phone": self._phone() if rng.random() < 0.92 else None,
            "next_step": rng.choice(words.NEXT_STEPS)
            if stage not in ("closed", "lost") and rng.random() < 0.7
            else None,
            "budget_min": low if wants else None,
            "budget_max": low * rng.randint(11, 16) // 1_000_000 * 100_000 if wants else None,
            "birthday": born,
            "website": None,
            "lawful_basis": self._weighted(_BASES),
            "minor": False,
            "minor_authority": None,
            "about": rng.choice(words.ABOUTS) if rng.random() < 0.4 else None,
            "last_activity": added,
            "name_key": normal.name_key(name),
        }

    def _details(self) -> None:
        rng = self.rng
        some = self.contacts
        mails = [
            self._about(c) | {"address": f"{normal.name_key(c['name']).split()[0]}{i + 1}@example.net", "label": "work"}
            for i, c in enumerate(some)
            if rng.random() < 0.2
        ]
        self.writer.insert(ContactEmail, mails)
        self.writer.insert(
            ContactPhone,
            [
                self._about(c) | {"number": self._phone(), "label": rng.choice(("mobile", "work", "home"))}
                for c in some
                if rng.random() < 0.25
            ],
        )
        self.writer.insert(ContactAddress, [self._about(c) | self._home() for c in some if rng.random() < 0.6])

    def _home(self) -> Row:
        place, zip_code = self.place, f"{self.place.zip_start}{self.rng.randint(1, 99):02d}"
        street = f"{self.rng.randint(2, 980)} {self.rng.choice(words.STREETS)}"
        return {
            "street": street,
            "city": place.city,
            "state": place.state,
            "postal_code": zip_code,
            "country": "United States",
            "label": "home",
        }

    def _tags(self) -> None:
        start = self.today - dt.timedelta(days=DAYS)
        tags = self.writer.insert(
            Tag, [self._base(start, self.workers[0].name) | {"name": name} for name in words.TAGS]
        )
        rows = []
        for contact in self.contacts:
            for tag in self.rng.sample(tags, self._weighted(((0, 40), (1, 35), (2, 20), (3, 5)))):
                rows.append(self._about(contact) | {"tag_id": tag["id"]})
        self.writer.insert(ContactTag, rows)

    def _suppress(self) -> None:
        rows = []
        for contact, (reason, covers, remark) in zip(
            [c for c in reversed(self.contacts) if c["email"]],
            (
                ("unsubscribe", "marketing", "Used the link in a market update"),
                ("bounce", "all", "Mailbox does not exist"),
                ("manual", "marketing", "Asked on the phone"),
            ),
            strict=False,
        ):
            rows.append(
                self._base(self._after(contact["created_at"]), "Preferences page")
                | {"address": contact["email"], "reason": reason, "scope": covers, "remark": remark}
            )
        self.writer.insert(Suppression, rows)

    # Work

    def _deal(self, index: int, contact: Row) -> Row:
        rng = self.rng
        side = _SIDES.get(contact["type"], "buy")
        where = min(index * len(self.stages) // max(len(self.contacts) // 4, 1), len(self.stages) - 1)
        stage_id, outcome = self.stages[where]
        started = self._after(contact["created_at"])
        price = (
            rng.randint(17, 64) * 100_00 if side in ("rent", "let") else int(rng.triangular(240, 1950, 560)) * 1_000_00
        )
        street = f"{rng.randint(2, 980)} {rng.choice(words.STREETS)}"
        last = self._after(started)
        closed = last.astimezone(self.zone).date() if outcome != "open" else None
        soon = (70, 60, 50, 38, 24)[min(where, 4)]
        return self._like(contact, started) | {
            "title": street,
            "contact_id": contact["id"],
            "side": side,
            "stage_id": stage_id,
            "price": price,
            "last_activity": last,
            "property_address": f"{street}, {self.place.city}, {self.place.state}",
            "closed_on": closed,
            "expected_close": closed or (self.today + dt.timedelta(days=rng.randint(max(soon - 25, 3), soon))).date(),
        }

    def _note(self, contact: Row, deal: Row | None) -> Row:
        at = self._after(contact["created_at"])
        return self._touch(contact, at) | {
            "body": self.rng.choice(words.NOTES),
            "contact_id": contact["id"],
            "deal_id": deal and deal["id"],
            "pinned": self.rng.random() < 0.08,
        }

    def _activity(self, contact: Row, deal: Row | None) -> Row:
        kind, title, minutes = self.rng.choice(words.ACTIVITIES)
        at = self._after(contact["created_at"])
        if kind in ("viewing", "meeting", "open_house") and deal:
            title = f"{title}, {deal['title']}"
        return self._touch(contact, at) | {
            "kind": kind,
            "title": title,
            "happened_at": at,
            "minutes": minutes and minutes + self.rng.randint(-5, 15) if minutes != 2 else 2,
            "details": None,
            "contact_id": contact["id"],
            "deal_id": deal and deal["id"],
            "payload": None,
        }

    def _task(self, index: int, contact: Row, deal: Row | None) -> Row:
        rng = self.rng
        due = self._at_work(self.today + dt.timedelta(days=rng.triangular(-7, 10, 0)))
        done = due < self.today and rng.random() < 0.65
        owner = self.workers[0] if index % 4 == 0 else None
        row = self._like(contact, min(self._after(contact["created_at"]), self.today)) | {
            "title": f"{rng.choice(words.TASKS)}: {contact['name']}",
            "state": "done" if done else "open",
            "details": None,
            "priority": self._weighted((("normal", 65), ("high", 20), ("low", 15))),
            "due_at": due,
            "contact_id": contact["id"],
            "deal_id": deal and deal["id"],
        }
        return row if owner is None else row | {"owner_id": owner.membership_id, "team_id": owner.team_id}

    def _message(self, index: int, contact: Row) -> Row:
        subject, body = self.rng.choice(words.LETTERS)
        state = ("draft", "failed", "suppressed")[index] if index < 3 else "sent"
        at = self._after(contact["created_at"])
        answer = {"failed": "550 5.1.1 Mailbox does not exist", "sent": "250 OK"}.get(state)
        return self._touch(contact, at) | {
            "contact_id": contact["id"],
            "recipient": contact["email"],
            "subject": subject,
            "kind": "transactional",
            "state": state,
            "cause": "user",
            "body": f"Hello {contact['goes_by']},\n\n{body}\n\n{contact['created_by']}",
            "cause_id": f"demo-{index}",
            "occasion": "demo",
            "answer": answer,
            "sent_at": at if state == "sent" else None,
            "drafted_by": None,
            "message_id": None,
        }

    # Parts of rows

    def _base(self, at: dt.datetime, by: str) -> Row:
        return {
            "workspace_id": self.workspace_id,
            "created_at": at,
            "updated_at": at,
            "created_by": by,
            "version": 1,
            "source": "demo",
            "source_ref": self.origin,
        }

    def _owned(self, at: dt.datetime) -> Row:
        who = self.rng.choices(
            self.workers, [3 if p.role == "owner" else 2 if p.role == "broker" else 4 for p in self.workers]
        )[0]
        return self._base(at, who.name) | {"owner_id": who.membership_id, "team_id": who.team_id}

    def _about(self, contact: Row) -> Row:
        return self._base(contact["created_at"], contact["created_by"]) | {"contact_id": contact["id"]}

    def _like(self, contact: Row, at: dt.datetime) -> Row:
        """Owned by whoever owns the contact."""
        return self._base(at, contact["created_by"]) | {"owner_id": contact["owner_id"], "team_id": contact["team_id"]}

    def _touch(self, contact: Row, at: dt.datetime) -> Row:
        contact["last_activity"] = max(contact["last_activity"], at)
        return self._like(contact, at)

    def _email(self, name: str, index: int) -> str | None:
        if self.rng.random() < 0.06:
            return None
        local = normal.name_key(name).encode("ascii", "ignore").decode().replace(" ", ".")
        address = f"{local}@{self.rng.choice(_DOMAINS)}"
        if address in self.mailboxes:
            address = f"{local}{index}@example.org"
        self.mailboxes.add(address)
        return address

    def _phone(self) -> str:
        return f"+1{self.rng.choice(self.place.areas)}55501{self.rng.randint(0, 99):02d}"

    def _weighted(self, options: Sequence[tuple[Any, int]]) -> Any:
        return self.rng.choices([o for o, _ in options], [w for _, w in options])[0]

    def _some(self, number: int) -> list[Row]:
        return self.rng.sample(self.contacts, min(number, len(self.contacts)))

    def _with_deal(self, deals: list[Row], number: int) -> list[tuple[Row, Row | None]]:
        """Contacts to do something with, half of them those with a deal."""
        owners = {d["contact_id"]: d for d in deals}
        busy = [c for c in self.contacts if c["id"] in owners] or self.contacts
        picked = [self.rng.choice(busy if self.rng.random() < 0.5 else self.contacts) for _ in range(number)]
        return [(c, owners.get(c["id"])) for c in picked]

    def _at_work(self, moment: dt.datetime) -> dt.datetime:
        local = moment.astimezone(self.zone).replace(
            hour=self.rng.randint(8, 18), minute=self.rng.choice((0, 10, 15, 30, 40, 45)), second=0, microsecond=0
        )
        return local.astimezone(dt.UTC)

    def _when(self, days: float) -> dt.datetime:
        """So many days ago, in working hours, never in the future."""
        return min(
            self._at_work(self.today - dt.timedelta(days=days)),
            self.today - dt.timedelta(minutes=self.rng.randint(2, 400)),
        )

    def _after(self, at: dt.datetime) -> dt.datetime:
        """Some time between then and now, rather soon."""
        days = (self.today - at).total_seconds() / 86_400
        return max(self._when(days - self.rng.triangular(0, days, days / 3)), at)


def _dated(rows: Iterable[Row]) -> list[Row]:
    """Oldest first: ids follow time, as lists sorted by newest expect."""
    return sorted(rows, key=itemgetter("created_at"))

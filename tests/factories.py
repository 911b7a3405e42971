"""The cast of the tests: two brokerages, each with one person per role, and some contacts; and how to act as one of
them.

world.harbour, world.summit     an `Office`: id, slug, name, teams {"east": id, "west": id}, contacts {name: id}
world.harbour.agent             a `Person`: user_id, membership_id, role_id, team_id, name, email, password
    people: owner, admin, broker, agent (east), colleague (agent, east), stranger (agent, west), assistant (east),
    compliance, reader
world.harbour.actor("agent")    an `Actor` with this person's rights, for calling services
with world.harbour.inside():    everything in the block happens in that workspace
sign_in(client, person)         gives the client a session; `form=True` goes through the real form
client.submit(url, data)        a POST with the CSRF token of the page seen last (or of `page=`)
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_security.utils import hash_password

from app import permissions
from app.services import accounts, records, sessions, workspaces
from models import scope
from models.base import session
from models.contact import Contact
from models.scope import Actor, ActorKind
from models.user import User
from models.workspace import Membership, Team, Workspace

PASSWORD = "quiet lake morning"
SYSTEM = scope.system("Test")
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
# attribute, role, team, name
_CAST = (
    ("owner", "owner", None, "Olive Owen"),
    ("admin", "admin", None, "Adam Admin"),
    ("broker", "broker", None, "Bruno Brook"),
    ("agent", "agent", "east", "Ada Agent"),
    ("colleague", "agent", "east", "Carl Colleague"),
    ("stranger", "agent", "west", "Stella West"),
    ("assistant", "assistant", "east", "Amy Assist"),
    ("compliance", "compliance", None, "Cora Comply"),
    ("reader", "read_only", None, "Rita Reed"),
)
_CONTACTS = (
    ("Dana Whitcombe", "agent"),
    ("Eli Moreno", "colleague"),
    ("Faye Okafor", "stranger"),
    ("Gus Lindqvist", "broker"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One who can sign in; plain values, good in any session."""

    name: str
    email: str
    role: str
    user_id: int
    membership_id: int
    role_id: int
    team_id: int | None
    workspace_id: int
    password: str = PASSWORD


@dataclass(slots=True)
class Office:
    """A brokerage with its cast."""

    id: int
    slug: str
    name: str
    teams: dict[str, int] = field(default_factory=dict)
    contacts: dict[str, int] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Person:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    @contextmanager
    def inside(self) -> Iterator[None]:
        with scope.inside(self.id):
            yield

    def actor(self, who: str = "owner") -> Actor:
        """This person as an actor; needs an application context."""
        person = self.people[who]
        version = session.scalar(sa.select(Workspace.keys_version).where(Workspace.id == self.id)) or 0
        return Actor(
            ActorKind.USER,
            person.name,
            user_id=person.user_id,
            membership_id=person.membership_id,
            team_id=person.team_id,
            role=person.role,
            role_id=person.role_id,
            rights=permissions.rights_of_role(person.role_id, version),
            ip="127.0.0.1",
        )


@dataclass(slots=True)
class World:
    harbour: Office
    summit: Office


class Browser(FlaskClient):
    """A test client that remembers the CSRF token of the last page it saw, as a browser's form does."""

    token: str = ""

    def open(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().open(*args, **kwargs)
        if answer.mimetype == "text/html":
            found = _TOKEN.search(answer.get_data(as_text=True))
            self.token = found.group(1) if found else self.token
        return answer

    def submit(self, url: str, data: dict[str, Any] | None = None, *, page: str | None = None, **kwargs: Any) -> Any:
        """POST `data` with the token of `page`, or of the page seen last."""
        if page is not None or not self.token:
            self.get(page or url)
        return self.post(url, data={"csrf_token": self.token, **(data or {})}, **kwargs)


def make_world() -> World:
    """Fill an empty database; needs an application context."""
    return World(_office("Harbour & Pine Realty", "harbour"), _office("Summit Homes", "summit"))


def sign_in(client: Browser, person: Person, *, form: bool = False, paa: float | None = None, expect: int = 302) -> Any:
    """Give `client` a session of this person: a row and its cookie, or through the form. `paa` is when they last
    proved who they are.
    """
    if form:
        client.get("/auth/login")
        answer = client.submit("/auth/login", {"email": person.email, "password": person.password})
        assert answer.status_code == expect, answer.get_data(as_text=True)
        client.token = ""
        return answer
    app = client.application
    token = sessions.new_token()
    with app.app_context():
        mark = session.scalar(sa.select(User.fs_uniquifier).where(User.id == person.user_id))
        data = {"_user_id": mark, "_fresh": True, "fs_paa": paa if paa is not None else time.time()}
        sessions.save(
            sessions.digest_of(token),
            data,
            new=True,
            replaces=None,
            user_id=person.user_id,
            workspace_id=person.workspace_id,
            ip="127.0.0.1",
            user_agent="Test",
        )
    client.set_cookie(app.config["SESSION_COOKIE_NAME"], f"s.{token}", domain="localhost")
    client.token = ""
    return None


def browser(app: Flask, person: Person) -> Browser:
    """A browser of its own in which this person is signed in and has opened the first page."""
    made = app.test_client()
    assert isinstance(made, Browser)
    sign_in(made, person)
    made.get("/")
    return made


def _office(name: str, slug: str) -> Office:
    hashed = hash_password(PASSWORD)

    def new(attribute: str, full: str) -> accounts.NewUser:
        return accounts.NewUser(full, f"{attribute}@{slug}.example.com", hashed)

    workspace, member = workspaces.provision_workspace(name, owner=new(*_CAST[0][::3]), actor=SYSTEM, slug=slug)
    office = Office(workspace.id, slug, name)
    with office.inside():
        for key, label in (("east", "East office"), ("west", "West office")):
            office.teams[key] = records.create(Team, {"name": label}, actor=SYSTEM).id
        office.people["owner"] = _person(member, "owner")
        for attribute, role, team, full in _CAST[1:]:
            user = accounts.create_user(new(attribute, full), actor=SYSTEM)
            made = workspaces.add_member(user, role, actor=SYSTEM, team_id=office.teams[team] if team else None)
            office.people[attribute] = _person(made, role)
        for contact, owner in _CONTACTS:
            person = office.people[owner]
            email = f"{contact.split()[0].lower()}@{slug}-clients.example.com"
            made = records.create(Contact, {"name": contact, "email": email}, actor=office.actor(owner))
            assert made.owner_id == person.membership_id
            office.contacts[contact] = made.id
    return office


def _person(member: Membership, role: str) -> Person:
    return Person(
        member.name, member.email, role, member.user_id, member.id, member.role_id, member.team_id, member.workspace_id
    )

"""The product as it is measured: the real application in process, through its WSGI test client, signed in for real."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from benchmarks.data import FOLDER, Database
from models import scope
from models.access import ApiKey
from models.base import session
from models.contact import Contact
from models.crypto import keyring
from models.user import User
from models.workspace import Membership

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_NEXT = re.compile(r'href="([^"]+)" rel="next"')
_WHY = {"walled_reason": "a benchmark prepares its sign-in"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody signed in: their client, and the ids that bare queries need. `owner_id` is None for one who sees all."""

    client: FlaskClient
    workspace_id: int
    membership_id: int
    owner_id: int | None


def make_app(database: Database) -> Flask:
    """The application on a measured database, configured as in production but for its keys."""
    os.environ.update(
        DATABASE_URL=database.url,
        DATA_DIR=str(FOLDER),
        LOG_LEVEL="error",
        APP_ENV="embedded",
        REDIS_URL="",
        API_RATE_PER_MINUTE="1000000",
    )
    from app.factory import create_app

    return create_app()


def sign_in(app: Flask, email: str, *, sees_all: bool) -> Person:
    from app.services import sessions

    with app.app_context(), scope.across_workspaces("a benchmark signs in"):
        user = session.scalars(sa.select(User).where(User.email == email)).one()
        member = session.scalars(sa.select(Membership).where(Membership.user_id == user.id)).one()
        token = sessions.new_token()
        data = {"_user_id": user.fs_uniquifier, "_fresh": True, "fs_paa": time.time()}
        sessions.save(
            sessions.digest_of(token),
            data,
            new=True,
            replaces=None,
            user_id=user.id,
            workspace_id=member.workspace_id,
            ip="127.0.0.1",
            user_agent="Bench",
        )
        client = app.test_client()
        client.set_cookie(app.config["SESSION_COOKIE_NAME"], f"s.{token}", domain="localhost")
        return Person(client, member.workspace_id, member.id, None if sees_all else member.id)


def api_headers(app: Flask, person: Person) -> dict[str, str]:
    """The headers of a program with a key of this person that may do everything."""
    from app.services.operation import operation

    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    with app.app_context(), scope.inside(person.workspace_id), operation("bench.key", actor=scope.system("Benchmark")):
        digest = keyring().token_hash("api key", f"{prefix}.{secret}")
        scopes = ["*:read", "*:write"]
        session.add(
            ApiKey(membership_id=person.membership_id, name="Benchmark", prefix=prefix, digest=digest, scopes=scopes)
        )
    return {"Authorization": f"Bearer rec_{prefix}.{secret}"}


def some_contact(app: Flask, person: Person) -> int:
    """A contact with things around it, within reach."""
    with app.app_context(), scope.inside(person.workspace_id):
        statement = sa.select(Contact.id).order_by(Contact.id).limit(1)
        return int(
            session.scalars(
                statement if person.owner_id is None else statement.where(Contact.owner_id == person.owner_id)
            ).one()
        )


def get(client: FlaskClient, url: str, **more: Any) -> Callable[[], bytes]:
    """A request to measure; an answer other than 200 ends the run, as it would be measured as fast."""

    def run() -> bytes:
        answer = client.get(url, **more)
        if answer.status_code != 200:
            raise RuntimeError(f"GET {url} answered {answer.status_code}.")
        return bytes(answer.data)

    return run


def create_contact(client: FlaskClient) -> Callable[[], object]:
    """Submits the form of a new contact, with another name each time."""
    token = token_of(client)
    mark, number = secrets.token_hex(4), iter(range(1_000_000))

    def run() -> object:
        i = next(number)
        data = {
            "csrf_token": token,
            "name": f"Benchmark Person {i}",
            "email": f"bench.{mark}.{i}@example.com",
            "phone": "(207) 555-0142",
            "type": "buyer",
            "stage": "new",
            "lawful_basis": "consent",
        }
        answer = client.post("/contacts/new", data=data)
        if answer.status_code != 302:
            raise RuntimeError(f"Creating a contact answered {answer.status_code}.")
        return answer

    return run


def create_by_api(client: FlaskClient, headers: dict[str, str]) -> Callable[[], object]:
    mark, number = secrets.token_hex(4), iter(range(1_000_000))

    def run() -> object:
        body = {
            "name": "Benchmark Program",
            "email": f"api.{mark}.{next(number)}@example.com",
            "type": "buyer",
            "stage": "new",
        }
        answer = client.post("/api/v1/contact/", json=body, headers=headers)
        if answer.status_code != 201:
            raise RuntimeError(f"POST answered {answer.status_code}.")
        return answer

    return run


def token_of(client: FlaskClient) -> str:
    return found(_TOKEN, get(client, "/contacts/new")().decode())


def let_go(app: Flask) -> None:
    """Lets go of the database, so that peers and the clean-up find it free."""
    from models.base import db

    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def deep_page(client: FlaskClient, pages: int) -> str:
    """The address of a page far down the list, reached as people do, by Next."""
    url = "/contacts/"
    for _ in range(pages):
        onward = _NEXT.search(get(client, url)().decode())
        if onward is None:
            break
        url = onward.group(1).replace("&amp;", "&")
    return url


def found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    if match is None:
        raise RuntimeError(f"The page lacks {pattern.pattern}.")
    return match.group(1)

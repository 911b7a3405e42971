"""Under granted access no page breaks, each says so, and every row that comes of it carries both actors."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from models.audit import Audit, Change
from models.base import session
from tests.contracts import walk
from tests.contracts.samples import SUMMIT_ID
from tests.contracts.test_statements import MOST, _counted, _statements
from tests.factories import Browser, World, sign_in
from tests.web.test_access_grants import begin, granted, operator_of, rows

# One's own account and the sign-in are closed under access; granting is, too.
_CLOSED = ("/account/", "/auth/", "/settings/access/")


def faults(client: Browser) -> list[str]:
    """Routes that break, or that show a console page without the banner."""
    found = []
    for call in walk.calls(client.application, SUMMIT_ID):
        if call.api or call.url.startswith(_CLOSED):
            continue
        sent = {"csrf_token": client.token, "name": "A view", "audience": "private"}
        answer = client.open(call.url, method=call.method, data=sent if call.method == "POST" else None)
        if answer.status_code >= 500:
            found.append(f"{call} answers {answer.status_code}")
        elif answer.mimetype == "text/html" and "c-app" in answer.text and "you act as" not in answer.text:
            found.append(f"{call} carries no banner")
    return found


@pytest.mark.parametrize("kind", ["role", "person"])
def test_somebody_of_the_platform_walks_every_route(app: Flask, client: Browser, twins: World, kind: str) -> None:
    office, sam = twins.summit, operator_of(app)
    key = granted(app, office, sam, f"{kind}:{getattr(office.owner, 'role_id' if kind == 'role' else 'membership_id')}")
    begin(client, sam, key)
    (begun,) = rows(app, office, Audit, Audit.action == "access.started")
    with app.app_context(), office.inside():
        before = session.scalar(sa.select(sa.func.max(Change.id)))
    found = faults(client)
    assert not found, walk.report(found, "pages break or are silent")
    done = rows(app, office, Audit, Audit.id > begun.id)
    changed = rows(app, office, Change, Change.id > before)
    assert len(done) > 20 and len(changed) > 20
    assert {(r.actor, str(r.on_behalf_of).endswith(f"(access {key})")) for r in (*done, *changed)} == {
        ("Sam Support", True)
    }


def test_it_costs_a_statement_only_while_it_is_used(app: Flask, client: Browser, world: World) -> None:
    office, plain = world.harbour, app.test_client()
    sign_in(plain, office.agent)
    key = granted(app, office, office.broker, f"person:{office.agent.membership_id}")
    begin(client, office.broker, key)
    assert _statements(app, plain, "/contacts/") + 1 == _statements(app, client, "/contacts/") <= MOST + 1
    with app.app_context(), _counted() as seen:
        plain.get("/contacts/")
    assert not any("access_grant" in statement for statement in seen)

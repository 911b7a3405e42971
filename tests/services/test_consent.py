"""Dana agrees, takes it back, and is found to be under age; Ada vouches for a list of people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from app.errors import Forbidden, Invalid, NotFound
from app.services import consent, records
from models import scope
from models.audit import Audit
from models.base import session
from models.contact import Contact
from models.privacy import Attestation, Consent
from tests.factories import World

SYSTEM = scope.system("Operator")


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def standing(key: int, topic: str, actor: scope.Actor) -> consent.Standing:
    return next(one for one in consent.status(key, actor=actor) if one.topic == topic)


def actions(prefix: str) -> list[str]:
    return list(session.scalars(sa.select(Audit.action).where(Audit.action.startswith(prefix)).order_by(Audit.id)))


def test_the_newest_word_of_a_person_counts(world: World) -> None:
    dana, agent = world.harbour.contacts["Dana Whitcombe"], world.harbour.actor("agent")
    with scope.across_workspaces("an operator publishes"):
        version = consent.publish("privacy", "We keep what you tell us.", actor=SYSTEM)
    with world.harbour.inside():
        assert standing(dana, "marketing", agent).given is None
        kept = consent.give(dana, "marketing", wording="Send me listings", source="call", actor=agent)
        assert standing(dana, "marketing", agent).allowed and kept.policy_digest == version.digest
        consent.withdraw(dana, "marketing", source="e-mail", actor=agent)
        now = standing(dana, "marketing", agent)
        assert (now.given, now.allowed, now.source) == (False, False, "e-mail")
        assert session.scalar(sa.select(sa.func.count(Consent.id)).where(Consent.contact_id == dana)) == 2
        assert actions("consent.") == ["consent.given", "consent.withdrawn"]


def test_a_stranger_can_neither_see_nor_note(world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    with world.harbour.inside(), pytest.raises(NotFound):
        consent.give(dana, "marketing", wording="Yes", source="call", actor=world.harbour.actor("stranger"))
    with world.summit.inside(), pytest.raises(NotFound):
        consent.status(dana, actor=world.summit.actor("owner"))
    with world.harbour.inside(), pytest.raises(Forbidden):
        consent.give(dana, "marketing", wording="Yes", source="call", actor=world.harbour.actor("reader"))


def test_minors_need_authority_and_get_no_marketing_and_no_ai(world: World) -> None:
    dana, owner = world.harbour.contacts["Dana Whitcombe"], world.harbour.actor("owner")
    with world.harbour.inside():
        consent.give(dana, "marketing", wording="Send me listings", source="call", actor=owner)
        records.update(Contact, dana, {"minor": True, "minor_authority": "Her mother, by phone"}, actor=owner)
        for topic in ("marketing", "tracking", "ai"):
            assert not standing(dana, topic, owner).allowed
            with pytest.raises(Invalid, match="under age"):
                consent.give(dana, topic, wording="Yes", source="call", actor=owner)
        assert consent.give(dana, "phone", wording="Call my mother", source="call", actor=owner).given


def test_wrong_words_are_named(world: World) -> None:
    dana, owner = world.harbour.contacts["Dana Whitcombe"], world.harbour.actor("owner")
    with world.harbour.inside():
        for more, field in (
            ({"topic": "astrology"}, "topic"),
            ({"wording": " "}, "wording"),
            ({"basis": "hope"}, "basis"),
        ):
            asked = {"topic": "marketing", "wording": "Yes", "source": "call", "basis": "consent"} | more
            with pytest.raises(Invalid) as wrong:
                consent.give(dana, actor=owner, **asked)
            assert list(wrong.value.fields) == [field]


def test_the_newest_text_is_in_force(world: World) -> None:
    with scope.across_workspaces("an operator publishes"):
        first = consent.publish("privacy", "One", actor=SYSTEM)
        assert consent.publish("privacy", "One", actor=SYSTEM).id == first.id
        second = consent.publish("privacy", "Two", actor=SYSTEM)
        newest = consent.current()
        assert newest is not None and newest.id == second.id
        with pytest.raises(Invalid):
            consent.publish("privacy", "One", actor=SYSTEM)
        with pytest.raises(Forbidden):
            consent.publish("privacy", "Three", actor=world.harbour.actor("owner"))


def test_nothing_starts_without_an_attestation_and_each_try_is_noted(world: World) -> None:
    admin = world.harbour.actor("admin")
    with world.harbour.inside():
        with pytest.raises(Invalid):
            consent.attested("import", 7, actor=admin)
        with pytest.raises(Invalid) as wrong:
            consent.attest("import", "unknown", "because", actor=admin, what_id=7)
        assert sorted(wrong.value.fields) == ["basis", "words"]
        assert session.scalar(sa.select(sa.func.count(Attestation.id))) == 0
        consent.attest("import", "contract", "Clients who signed with us in 2025", actor=admin, what_id=7)
        assert consent.attested("import", 7, actor=admin).by == admin.label
        assert actions("attestation.") == ["attestation.refused", "attestation.refused", "attestation.give"]

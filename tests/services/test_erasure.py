"""A person is erased: of fifty added fields on three kinds of records, and of everything else that was kept, nothing is
left anywhere; what is about others stays as it is.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.adapters import storage
from app.errors import Conflict, Forbidden, NotFound
from app.services import (
    batches,
    consent,
    custom_fields,
    erasure,
    files,
    filters,
    jobs,
    messages,
    queries,
    records,
    saved_views,
    schema,
    subject_keys,
    values,
    verbs,
    view_mail,
)
from app.services.queries import ListQuery
from app.services.uploads import Upload
from jobs import runner
from models import scope, tenancy
from models.audit import Audit, Change
from models.base import session
from models.contact import Contact, ContactEmail
from models.custom import CustomValue
from models.deal import Deal, Stage
from models.fields import Field
from models.job import Job
from models.message import Suppression
from models.policy import Purpose
from models.scope import Actor
from models.work import Note, Task
from tests import postgres_world
from tests.contracts.conftest import Program, program
from tests.factories import Office, World, browser
from tests.factories_batches import bring
from tests.factories_fields import TAGS
from tests.factories_fifty import define_fifty, everything, filled, holding, traces
from tests.web.test_files import PDF

ENTITIES = {"contact": Contact, "deal": Deal, "task": Task}
WHO, TWIN = "Xanthippe Quillfeather", "Yolanda Zimmerling"
ONCE = {"Idempotency-Key": "erase-me"}


class Case:
    """A person with values in every added field, of whom everything is kept that the product can keep."""

    def __init__(self, app: Flask, office: Office, folder: Path, name: str, mark: str, number: int) -> None:
        self.app, self.office, self.name, self.mark = app, office, name, mark
        self.owner = office.actor("owner")
        self.known: dict[str, Mapping[str, Field]] = {e: schema.added(model) for e, model in ENTITIES.items()}
        self.address = f"{mark}.main@example.com"
        self.phone = f"+1415556{number % 9000 + 1000:04d}"
        self.given: dict[str, dict[str, Any]] = {}
        self.files: list[str] = []
        self.key = self._contact(number)
        self.deal = self._record(Deal, number + 1, title=f"{mark} deal", contact_id=self.key, stage_id=self._stage())
        self.task = self._record(Task, number + 2, title=f"{mark} task", contact_id=self.key)
        self._around()

    def _contact(self, number: int) -> int:
        """Comes by a file, and is completed by hand."""
        head = f"Name,Email,Phone,Company,Text 1,Email 1\n{self.name},{self.address},{self.phone},{self.mark} Ltd,"
        bring(f"{head}{self.mark} by file,{self.mark}.by.file@example.com\n", self.owner)
        key = session.scalars(sa.select(Contact.id).where(Contact.email == self.address)).one()
        given = self._values("contact", number, key)
        records.update(
            Contact, key, given | {"next_step": f"{self.mark} next", "about": f"{self.mark} about"}, actor=self.owner
        )
        records.update(Contact, key, {"x_text_2": f"{self.mark} second thought"}, actor=self.owner)
        return key

    def _record(self, model: Any, number: int, **own: Any) -> int:
        given = self._values(model.__tablename__, number, own["contact_id"])
        key = int(records.create(model, own | given, actor=self.owner).id)
        records.update(model, key, {"x_textarea_1": f"{self.mark} later words"}, actor=self.owner)
        return key

    def _values(self, entity: str, number: int, contact: int) -> dict[str, Any]:
        """Files of contacts are filed under them; those of tasks under nobody."""
        about = {"contact_id": contact} if entity == "contact" else {}
        kept = Upload("pdf", "application/pdf", f"{self.mark} {entity}.pdf", len(PDF), "0" * 64)
        file = files.keep(kept, self._bytes(), about, actor=self.owner)
        self.given[entity] = filled(
            self.known[entity], self.mark, number, {"contact": contact, "stored_file": int(file.id)}
        )
        return self.given[entity]

    def _bytes(self) -> str:
        kept = self.store().put(io.BytesIO(PDF + self.mark.encode()), cap=10_000).key
        self.files.append(kept)
        return kept

    def store(self) -> storage.Storage:
        return storage.connect(self.app.config["STORAGE_URL"], purpose=Purpose.RUN_TRANSACTIONS)

    def _stage(self) -> int:
        return session.scalars(sa.select(Stage.id).order_by(Stage.id)).first() or 0

    def _around(self) -> None:
        """Rows about the person, and one that knows of them through their deal alone."""
        owner, mark = self.owner, self.mark
        records.create(ContactEmail, {"contact_id": self.key, "address": f"{mark}.more@example.com"}, actor=owner)
        records.create(Note, {"contact_id": self.key, "body": f"{mark} note"}, actor=owner)
        records.create(Note, {"deal_id": self.deal, "body": f"{mark} note on the deal"}, actor=owner)
        contact = session.get(Contact, self.key)
        messages.write(contact, f"{mark} subject", f"{mark} body", actor=owner, send=False)
        consent.give(self.key, "phone", wording="Yes, call me", source="call", actor=owner)
        asked = f"q={mark}.main%40example.com&sort=name"
        saved_views.save("contact", f"All of {self.name}", asked, "private", actor=owner)
        view = saved_views.save("contact", f"Everybody {len(mark)}", "sort=-id", "workspace", actor=owner)
        view_mail.send(view, f"2026-01-0{len(mark) % 9}", actor=owner, public_url="http://localhost")

    def programs(self) -> None:
        """A program writes under a key that it may send again, and a job sets a value."""
        self.program: Program = program(self.app, self.office)
        assert self.again().status_code == 200
        with self.app.app_context(), self.office.inside(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(verbs, "INLINE", 0)
            given = {"field": "x_text_3", "value": f"{self.mark} by a job"}
            verbs.run(Contact, verbs.find("contact", "set"), [self.key], given, actor=self.office.actor("owner"))
            runner.drain(self.app)

    def again(self) -> Any:
        """The request of the program, for the first or a further time."""
        body, once = {"x_text_3": f"{self.mark} by a program"}, {"Idempotency-Key": f"once {self.mark}"}
        return self.program.patch(f"/api/v1/contact/{self.key}", json=body, headers=once)

    def console(self) -> None:
        """A page says what was done on the next page, which nobody has opened yet."""
        page = browser(self.app, self.office.owner)
        page.get(f"/contacts/{self.key}/edit")
        answer = page.submit(f"/contacts/{self.key}/cell/goes_by", {"goes_by": f"{self.mark} goes by"})
        assert answer.status_code in (200, 302, 303), answer.text

    def traces(self) -> set[str]:
        """Everything of theirs that must be nowhere afterwards."""
        found = {self.mark, self.name, self.phone}
        for entity, given in self.given.items():
            found |= traces(self.known[entity], given)
        return found


@pytest.fixture
def harbour(app: Flask, world: World) -> Iterator[Office]:
    with app.app_context(), world.harbour.inside():
        for entity in ENTITIES:
            define_fifty(entity, actor=world.harbour.actor("owner"))
        yield world.harbour


def tell_everything(app: Flask, world: World, folder: Path) -> None:
    """The whole story, on the database of `app`."""
    office = world.harbour
    with app.app_context(), office.inside():
        for entity in ENTITIES:
            define_fifty(entity, actor=office.actor("owner"))
        gone = Case(app, office, folder, WHO, "quokkavoice", 1731)
        stays = Case(app, office, folder, TWIN, "zebrafinch", 1844)
        session.remove()
    for case in (gone, stays):
        case.programs()
        case.console()
    with app.app_context(), office.inside():
        told = everything()
        places = holding(told, gone.traces())
        assert {"contact", "deal", "task", "custom_value", "change", "note", "message", "contact_email", "idempotency",
                "job", "saved_view", "user_session", "stored_file"} <= set(places)  # fmt: skip
        before = holding(told, stays.traces())
        erased = erasure.person(gone.key, actor=office.actor("owner"), reason="Asked for by letter")
        assert erased.emptied["contact"] == 1 and erased.deleted["task"] == 1
        runner.drain(app)
        session.remove()
        told = everything()
        assert holding(told, gone.traces()) == {}
        assert not [key for key in gone.files if gone.store().exists(key)], "the bytes of files"
        after = holding(told, stays.traces())
        # Letters with a view and jobs that quote both go whole.
        assert {t: after[t] for t in before if t not in ("message", "job")} == {
            t: hits for t, hits in before.items() if t not in ("message", "job")
        }
        assert all(stays.store().exists(key) for key in stays.files)
        _nobody_sees_them(gone, stays)
    answer = gone.again()
    assert (answer.status_code, answer.json["title"]) == (410, "This was erased")
    assert stays.again().headers["Idempotency-Replayed"] == "true"


def _nobody_sees_them(gone: Case, stays: Case) -> None:
    owner = gone.office.actor("owner")
    with pytest.raises(NotFound):
        records.load(Contact, gone.key, actor=owner)
    sealed = session.scalars(sa.select(Audit).where(Audit.subject_id == gone.key, Audit.sealed.is_not(None))).all()
    assert sealed and all(subject_keys.opened(row, actor=owner) is None for row in sealed)
    assert all(
        subject_keys.opened(row, actor=owner)
        for row in session.scalars(sa.select(Audit).where(Audit.subject_id == stays.key, Audit.sealed.is_not(None)))
    )
    noted = session.scalars(sa.select(Audit).where(Audit.action == "privacy.erase")).one()
    assert (noted.record_id, noted.reason) == (gone.key, "Asked for by letter")
    deal = records.load(Deal, gone.deal, actor=owner)
    assert (deal.title, deal.custom, deal.property_address) == ("Erased deal", None, None)
    for asked in ("x_text_1:filled", "x_money_1:filled", "x_date_2:filled", "x_multichoice_1:filled"):
        assert found(Contact, asked, owner) == [stays.key]
        assert found(Deal, asked, owner) == [stays.deal]


def found(model: type[Any], asked: str, actor: Actor) -> list[int]:
    """The records that a filter finds."""
    wanted = (filters.parse(model, asked, values.Locale()),)
    return [row[0] for row in queries.page(ListQuery(model, filters=wanted, columns=()), actor=actor).rows]


def test_nothing_of_an_erased_person_is_left_anywhere(app: Flask, world: World, tmp_path: Path) -> None:
    tell_everything(app, world, tmp_path)


@pytest.mark.needs("postgres")
def test_nothing_is_left_on_postgresql_either(tmp_path: Path) -> None:
    with postgres_world.served(tmp_path) as (app, world):
        tell_everything(app, world, tmp_path)


@pytest.fixture
def owner(app: Flask, world: World) -> Iterator[Actor]:
    with app.app_context(), world.harbour.inside():
        yield world.harbour.actor("owner")


def test_only_who_may_delete_every_contact_erases_one_and_never_anothers(owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    for who in ("agent", "assistant", "reader", "compliance"):
        with pytest.raises(Forbidden):
            erasure.person(dana, actor=world.harbour.actor(who))
    for key in (world.summit.contacts["Dana Whitcombe"], 0, 2**70):
        with pytest.raises(NotFound):
            erasure.person(key, actor=owner)
    with scope.inside(world.summit.id), pytest.raises(NotFound):
        erasure.person(dana, actor=world.summit.actor("owner"))
    assert records.load(Contact, dana, actor=owner).name == "Dana Whitcombe"


def test_a_hold_in_force_keeps_what_it_names_and_nothing_else(owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    stage = session.scalars(sa.select(Stage.id)).first()
    deal = records.create(Deal, {"title": "14 Larch Street", "contact_id": dana, "stage_id": stage}, actor=owner).id
    task = records.create(Task, {"title": "Call Dana", "contact_id": dana}, actor=owner).id
    erased = erasure.person(dana, actor=owner, holds=("transaction",))
    assert erased.held == {"deal": 1}
    assert records.load(Deal, deal, actor=owner).title == "14 Larch Street"
    with pytest.raises(NotFound):
        records.load(Task, task, actor=owner)


def test_who_must_not_be_written_to_is_still_known_by_address_alone(owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    address = records.load(Contact, dana, actor=owner).email
    kept = records.create(Suppression, {"address": address, "remark": "Angry on the phone"}, actor=owner).id
    erasure.person(dana, actor=owner)
    one = records.load(Suppression, kept, actor=owner)
    assert (one.address, one.remark) == (address, None)


def test_one_record_is_erased_with_its_history_and_its_person_stays(owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    define_fifty("task", actor=owner)
    known = schema.added(Task)
    given = filled(known, "quokkavoice", 1731, {"contact": dana})
    key = records.create(Task, {"title": "quokkavoice call", "contact_id": dana} | given, actor=owner).id
    records.update(Task, key, {"x_text_1": "quokkavoice again"}, actor=owner)
    erased = erasure.record(Task, key, actor=owner)
    assert erased.deleted == {"task": 1}
    session.remove()
    with scope.inside(world.harbour.id):
        assert holding(everything(), {"quokkavoice"} | traces(known, given)) == {}
        assert records.load(Contact, dana, actor=owner).name == "Dana Whitcombe"
        with pytest.raises(NotFound):
            erasure.record(Task, key, actor=owner)


def test_what_an_added_field_says_of_nobody_stays_in_a_deal_that_stays(owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    stage = session.scalars(sa.select(Stage.id)).first()
    for label, kind, personal in (("Split", "number", False), ("Why", "text", False), ("Income", "money", True)):
        custom_fields.define("deal", {"label": label, "kind": kind, **TAGS, "personal": personal}, actor=owner)
    given = {"x_split": 40, "x_why": "Because of her job", "x_income": 90_000_00}
    deal = records.create(Deal, {"title": "Larch", "contact_id": dana, "stage_id": stage, **given}, actor=owner).id
    erasure.person(dana, actor=owner)
    assert records.load(Deal, deal, actor=owner).custom == {"x_split": 40}, "free text is never nobody's"
    left = session.scalars(sa.select(CustomValue).where(CustomValue.record_id == deal)).all()
    assert [one.n for one in left] == [40]


def test_a_deal_that_changed_hands_is_erased_with_the_one_it_is_about_now(owner: Actor, world: World) -> None:
    dana, eli = (world.harbour.contacts[name] for name in ("Dana Whitcombe", "Eli Moreno"))
    stage = session.scalars(sa.select(Stage.id)).first()
    custom_fields.define("deal", {"label": "Split", "kind": "number", **TAGS}, actor=owner)
    deal = records.create(
        Deal, {"title": "Larch", "contact_id": dana, "stage_id": stage, "x_split": 40}, actor=owner
    ).id
    records.update(Deal, deal, {"contact_id": eli}, actor=owner)
    assert session.scalars(sa.select(CustomValue.subject_id)).all() == [eli]
    erasure.person(dana, actor=owner)
    assert found(Deal, "x_split:is:40", owner) == [deal]


def test_nothing_of_an_erasure_can_be_taken_back(app: Flask, owner: Actor, world: World) -> None:
    dana = world.harbour.contacts["Dana Whitcombe"]
    done = verbs.run(Contact, verbs.find("contact", "stage"), [dana], {"stage": "active"}, actor=owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verbs, "INLINE", 0)
        given = {"field": "goes_by", "value": "Dee"}
        job = verbs.run(Contact, verbs.find("contact", "set"), [dana], given, actor=owner).job
    runner.drain(app)
    assert job is not None
    erasure.person(dana, actor=owner)
    with pytest.raises(NotFound):
        batches.undo(done.batch, actor=owner)
    assert session.scalars(sa.select(Change).where(Change.subject_id == dana)).all() == []
    session.execute(
        sa.update(Job).where(Job.id == job.id).values(state="dead"), execution_options=tenancy.reason("test")
    )
    with pytest.raises(Conflict, match="erased"):
        jobs.retry(job.id, actor=owner)

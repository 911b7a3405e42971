"""Starts the product with one broken model or screen at a time, and prints how each start ended; run as a program of
its own.

A broken table would stay in the metadata of the process that declares it, so each is tried in a child.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

import config
from app.factory import create_app
from app.services import verbs
from models import fields as f
from models.base import Base, Model, Record, WorkspaceScoped
from models.contact import Contact
from models.fields import Field, Key, Kind
from models.policy import Category, Erase, Policy, SubjectKind
from models.work import Note
from views.screen import screen

OK = Policy(Category.CRM_RECORD)


def sound() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")

    screen(Listing, columns=("name",))

    return Listing


def no_policy() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        name: Mapped[str] = f.text(required=True, label="Name")

    return Listing


def no_policy_on_a_plain_table() -> None:
    sa.Table("loose", Model.metadata, sa.Column("id", sa.Integer, primary_key=True))


def untyped_column() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")
        hidden: Mapped[int] = sa.orm.mapped_column(sa.Integer)

    return Listing


def unknown_relation() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")
        house_id: Mapped[int | None] = f._column(Key, Field(Kind.RELATION, "House", target="user_session"), False)

    return Listing


def unknown_subject() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = Policy(Category.CONTACT, subject="nobody_id", kind=SubjectKind.CLIENT, erase=Erase.DELETE)
        name: Mapped[str] = f.text(required=True, label="Name")

    return Listing


def subject_without_a_kind() -> None:
    Policy(Category.CONTACT, subject="contact_id")


def kept_without_a_ground() -> None:
    Policy(Category.CONTACT, subject="contact_id", kind=SubjectKind.CLIENT)


def writable_workspace() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")
        workspace_id: Mapped[int] = f.number(required=True, label="Workspace")

    return Listing


def writable_version() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")
        version: Mapped[int] = f.number(required=True, default=1, label="Version")

    return Listing


def writable_provenance() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")
        source: Mapped[str | None] = f.text(80, label="Source")

    return Listing


def entity_without_a_screen() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = OK
        name: Mapped[str] = f.text(required=True, label="Name")

    return Listing


def parent_without_a_link() -> Any:
    class Listing(Record, Base):
        __tablename__ = "listing"
        policy = Policy(Category.CRM_RECORD, parent="contact")
        name: Mapped[str] = f.text(required=True, label="Name")

    screen(Listing, columns=("name",))

    return Listing


def unknown_column() -> None:
    screen(Contact, columns=("name", "shoe_size"))


def unknown_search() -> None:
    screen(Contact, columns=("name",), search=("shoe_size",))


def unknown_sort() -> None:
    screen(Contact, columns=("name",), sort="-shoe_size")


def readonly_in_the_form() -> None:
    screen(Contact, columns=("name",), form=(("Person", "name", "created_by"),))


def unknown_in_the_form() -> None:
    screen(Contact, columns=("name",), form=(("Person", "name", "shoe_size"),))


def workspace_in_the_form() -> None:
    screen(Contact, columns=("name",), form=(("Person", "name", "workspace_id"),))


def heavy_column() -> None:
    screen(Contact, columns=("name", "about"))


def secret_column() -> None:
    from models.stored_file import StoredFile

    screen(StoredFile, columns=("name", "storage_key"))


def unguarded_verb() -> None:
    verbs.verb("contact", "vanish", "Vanish", "x", right="")(lambda *_: None)


def unknown_right() -> None:
    verbs.verb("contact", "vanish", "Vanish", "x", right="everything")(lambda *_: None)


def verb_twice() -> None:
    verbs.verb("contact", "stage", "Again", "x")(lambda *_: None)


def unknown_related() -> None:
    screen(Contact, columns=("name",), related=("house",))


def unknown_children() -> None:
    screen(Note, columns=("body",), form=(("Note", "body", "+contact_email"),))


def child_without_a_parent() -> None:
    screen(Note, columns=("body",), form=(("Note", "body", "+house"),))


def badge_that_is_no_choice() -> None:
    screen(Contact, columns=("name",), badge="name")


def not_a_record() -> Any:
    class Loose(WorkspaceScoped, Base):
        __tablename__ = "loose"

    return Loose


CASES: tuple[Callable[[], Any], ...] = (
    sound,
    no_policy,
    no_policy_on_a_plain_table,
    untyped_column,
    unknown_relation,
    unknown_subject,
    subject_without_a_kind,
    kept_without_a_ground,
    writable_workspace,
    writable_version,
    writable_provenance,
    entity_without_a_screen,
    parent_without_a_link,
    unknown_column,
    unknown_search,
    unknown_sort,
    readonly_in_the_form,
    unknown_in_the_form,
    workspace_in_the_form,
    heavy_column,
    secret_column,
    unguarded_verb,
    unknown_right,
    verb_twice,
    unknown_related,
    unknown_children,
    child_without_a_parent,
    badge_that_is_no_choice,
    not_a_record,
)


def outcome(case: Callable[[], Any]) -> str:
    """How a start with this declaration ends, tried in a child process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        words = "started"
        try:
            kept = [case()]  # a class that nothing holds would be gone before it is looked at
            folder = tempfile.mkdtemp()
            create_app(
                config.load(
                    {
                        "APP_ENV": "test",
                        "DATABASE_URL": f"sqlite:///{folder}/x",
                        "DATA_DIR": folder,
                        "LOG_LEVEL": "error",
                    }
                )
            )
            kept.clear()
        except BaseException as error:
            words = f"{type(error).__name__}: {error}"
        os.write(writing, words.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        words = answer.read()
    os.waitpid(child, 0)
    return words


if __name__ == "__main__":
    json.dump({case.__name__: outcome(case) for case in CASES}, sys.stdout)

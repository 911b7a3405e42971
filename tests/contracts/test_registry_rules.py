"""Every table and every column carries its rules (P2), and a forgotten one stops the start."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys

import pytest
from flask import Flask

from models import registry
from models.base import Model, WorkspaceScoped
from models.fields import Kind
from models.policy import Category, Erase, Purpose, SubjectKind
from tests.contracts import broken_models, source
from views.screen import screens

# What a start must say for each broken declaration in `broken_models`.
SAID = {
    "sound": "started",
    "no_policy": "BrokenModel: Table listing has no policy",
    "no_policy_on_a_plain_table": "BrokenModel: Table loose has no policy",
    "untyped_column": "BrokenModel: Listing.hidden has no field",
    "unknown_relation": "BrokenModel: Listing.house_id refers to 'user_session', which is no entity",
    "unknown_subject": "BrokenModel: Listing's policy names the subject 'nobody_id'",
    "subject_without_a_kind": "ValueError: A policy with a subject must say",
    "kept_without_a_ground": "ValueError: Personal data that is kept on erasure needs",
    "writable_workspace": "BrokenModel: Listing.workspace_id must not be writable",
    "writable_version": "BrokenModel: Listing.version must not be writable",
    "writable_provenance": "BrokenModel: Listing.source must not be writable",
    "entity_without_a_screen": "BrokenScreen: listing: the entity has no screen",
    "parent_without_a_link": "BrokenModel: Listing names the parent 'contact' but has no reference",
    "unknown_column": "BrokenScreen: contact: the screen names “shoe_size”",
    "unknown_search": "BrokenScreen: contact: the screen names “shoe_size”",
    "unknown_sort": "BrokenScreen: contact: the screen names “shoe_size”",
    "readonly_in_the_form": "BrokenScreen: contact: the form names “created_by”, which cannot be written",
    "unknown_in_the_form": "BrokenScreen: contact: the form names “shoe_size”",
    "workspace_in_the_form": "BrokenScreen: contact: the form names “workspace_id”",
    "heavy_column": "BrokenScreen: contact: the column “about” is too heavy",
    "secret_column": "BrokenScreen: stored_file: the column “storage_key” is secret",
    "unguarded_verb": "ValueError: contact.vanish: a verb needs one of the rights",
    "unknown_right": "ValueError: contact.vanish: a verb needs one of the rights",
    "verb_twice": "ValueError: contact.stage is registered twice",
    "unknown_related": "BrokenScreen: contact: the screen relates “house”",
    "unknown_children": "BrokenScreen: note: the form holds rows of “contact_email”, which is no child",
    "child_without_a_parent": "BrokenScreen: note: the form holds rows of “house”",
    "badge_that_is_no_choice": "BrokenScreen: contact: the badge “name” is no choice",
    "not_a_record": "BrokenModel: Table loose has no policy",
}


@functools.cache
def outcomes() -> dict[str, str]:
    """How the start ended for each declaration, all tried in one process of their own."""
    environ = {**os.environ, "PYTHONPATH": str(source.ROOT)}
    done = subprocess.run(
        [sys.executable, broken_models.__file__],
        cwd=source.ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("case", [case.__name__ for case in broken_models.CASES])
def test_a_broken_declaration_stops_the_start(case: str) -> None:
    assert outcomes()[case].startswith(SAID[case]), outcomes()[case]


def test_every_table_has_a_whole_policy(app: Flask) -> None:
    for table in Model.metadata.sorted_tables:
        policy = registry.policy_of(table)
        assert policy is not None, table.name
        assert isinstance(policy.category, Category) and isinstance(policy.purpose, Purpose), table.name
        assert isinstance(policy.kind, SubjectKind) and isinstance(policy.erase, Erase), table.name
        assert policy.keep.words and (policy.keep.days is None or policy.keep.days > 0), table.name


def test_every_column_of_an_entity_is_tagged(app: Flask) -> None:
    """Category, subject kind, purpose and retention follow from the column or else from its table."""
    for name, model in registry.entities().items():
        for column in model.__table__.columns:
            if column.key in ("id", "workspace_id", "custom"):  # each value in `custom` has the tags of its own field
                continue
            field = column.info.get("field")
            assert field is not None, f"{name}.{column.key}"
            assert (field.category or model.policy.category) in Category, f"{name}.{column.key}"
            assert (field.purpose or model.policy.purpose) in Purpose, f"{name}.{column.key}"
            assert field.label, f"{name}.{column.key} has no label"


def test_personal_data_names_its_person(app: Flask) -> None:
    """A column that holds personal data needs a subject, or erasure would never find it."""
    for name, model in registry.entities().items():
        if any(field.personal for field in registry.fields(model).values()):
            assert model.policy.subject and model.policy.kind is not SubjectKind.NOBODY, name


def test_what_names_people_is_personal(app: Flask) -> None:
    """In an entity about a person, addresses and numbers are personal: the audit log must seal them."""
    for name, model in registry.entities().items():
        if model.policy.subject and model.policy.kind is not SubjectKind.USER:
            for column, field in registry.writable(model).items():
                if field.kind in (Kind.EMAIL, Kind.PHONE):
                    assert field.personal, f"{name}.{column}"


def test_the_plumbing_is_never_writable(app: Flask) -> None:
    for name, model in registry.entities().items():
        assert not {
            "id",
            "workspace_id",
            "version",
            "created_at",
            "created_by",
            "source",
            "source_ref",
            "deleted_at",
        } & set(registry.writable(model)), name


def test_every_entity_has_a_screen_and_an_address_of_its_own(app: Flask) -> None:
    assert set(screens()) == set(registry.entities())
    assert len({spec.slug for spec in screens().values()}) == len(screens())


def test_every_table_of_a_brokerage_is_behind_the_wall(app: Flask) -> None:
    """A column `workspace_id` without the wall is a table that a query would read whole. The exceptions carry their
    reason."""
    outside = {
        "ab_role": "the library's; read through a workspace's own roles only",
        "user_session": "a session begins before its workspace is known",
    }
    walled = {m.local_table.name for m in Model.registry.mappers if issubclass(m.class_, WorkspaceScoped)}
    loose = {t.name for t in Model.metadata.sorted_tables if "workspace_id" in t.c} - walled
    assert loose == set(outside), loose ^ set(outside)

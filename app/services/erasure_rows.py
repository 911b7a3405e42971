"""Which rows are about a person, and what is left of a row that must stay when the person is erased.

Worked out from the policies and typed fields of the models, so that a new entity is covered without a line here. Reads
only. Does not belong here: erasing (`app.services.erasure`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from app.services import records, schema
from models import normal, registry, scope, tenancy
from models.base import Base, session
from models.contact import Contact
from models.fields import Field, Kind
from models.inbound import InboundMail, ReceivedMail
from models.message import Suppression
from models.policy import SubjectKind
from models.stored_file import StoredFile

# Table -> ids of its rows.
Found = dict[str, set[int]]
FREE = frozenset({Kind.TEXT, Kind.LONG_TEXT, Kind.EMAIL, Kind.PHONE, Kind.URL, Kind.JSON})
_WHY = tenancy.reason("the rows about one person, of this workspace, in the bin or not")
# What the product itself writes on a record, and what it needs to know it by.
_OURS = registry.PLUMBING | {"storage_key"}


def of_person(contact_id: int) -> Found:
    """The rows of every table that are about the contact, itself first."""
    found: Found = {Contact.__tablename__: {contact_id}}
    for table in Base.metadata.sorted_tables:
        column = _subject(table)
        if column is None:
            continue
        about = column == contact_id
        model = registry.entities().get(table.name)
        if model is not None:
            about = sa.or_(about, sa.and_(column.is_(None), _hangs_on(model, found)))
        _add(found, table, about)
    addresses = _addresses(contact_id)
    if addresses:
        _add(found, Suppression.__table__, Suppression.__table__.c.address.in_(addresses))
        mail = InboundMail.__table__.c
        theirs = sa.or_(mail.sender.in_(addresses), mail.about.in_(addresses))
        _add(found, InboundMail.__table__, sa.and_(mail.contact_id.is_(None), theirs))
    if InboundMail.__tablename__ in found:
        raw = ReceivedMail.__table__
        _add(found, raw, raw.c.mail_id.in_(found[InboundMail.__tablename__]))
    _add_files(found)
    return found


def of_record(model: type[Any], key: int) -> Found:
    """One record, and the rows that belong to it."""
    found: Found = {model.__tablename__: {key}}
    other: Any
    for other in registry.entities().values():
        if other.policy.parent == model.__tablename__:
            _add(found, other.__table__, other.__table__.c[registry.parent_link(other)] == key)
    _add_files(found)
    return found


def emptied(model: type[Any], moment: dt.datetime) -> dict[str, Any]:
    """The columns of a row that stays, as they are once nothing in it tells of a person: choices, dates and numbers
    that are nobody's stay, so that what was reported holds true; every text goes, as nobody knows what is in it.
    """
    columns, unique = model.__table__.c, {n for names in records.unique_sets(model) for n in names}
    values: dict[str, Any] = {"version": columns.version + 1, "updated_at": moment}
    own = model.policy.subject
    for name, one in registry.fields(model).items():
        if name in _OURS or name == own or one.kind is Kind.RELATION or not (one.personal or one.kind in FREE):
            continue
        if columns[name].nullable:
            values[name] = None
        elif one.kind in FREE:
            values[name] = _nothing(model, name, name in unique)
    if own == "self":
        values["deleted_at"] = sa.func.coalesce(columns.deleted_at, sa.literal(moment, columns.deleted_at.type))
        if "name_key" in values:
            values["name_key"] = normal.name_key(str(values[registry.title_of(model)]))
    return values


def _nothing(model: type[Any], name: str, unique: bool) -> Any:
    """What stands in a text that can't be empty."""
    if registry.fields(model)[name].kind is Kind.JSON:
        return {}
    if unique:
        return sa.literal("erased-") + sa.cast(model.__table__.c.id, sa.String)
    return f"Erased {model.__tablename__.replace('_', ' ')}" if name == registry.title_of(model) else ""


def impersonal(model: type[Any]) -> dict[str, int]:
    """The added fields (with their ids) whose values stay in a record that stays: those that the brokerage said tell of
    nobody, as far as they are no free text. Of the person's own record none does.
    """
    if model.policy.subject == "self":
        return {}
    return {n: one.custom for n, one in schema.every_known(model).items() if one.custom and _is_nobodys(one)}


def _is_nobodys(one: Field) -> bool:
    return not one.personal and one.kind not in FREE and one.kind is not Kind.RELATION


def _subject(table: sa.Table) -> Any | None:
    """The column by which rows of a table are about a contact."""
    policy = registry.policy_of(table)
    if policy is None or policy.subject in (None, "self") or policy.kind is SubjectKind.USER:
        return None
    if "workspace_id" not in table.c or policy.subject not in table.c:
        return None
    one: Field | None = table.c[policy.subject].info.get("field")
    return table.c[policy.subject] if one is None or one.target == Contact.__tablename__ else None


def _hangs_on(model: type[Any], found: Found) -> Any:
    """That a record which names no person belongs to one of theirs, as a note on a deal does."""
    columns = model.__table__.c
    return sa.or_(
        sa.false(),
        *(
            columns[name].in_(found[one.target])
            for name, one in registry.fields(model).items()
            if one.kind is Kind.RELATION and one.target in found and one.target != Contact.__tablename__
        ),
    )


def _add(found: Found, table: sa.Table, about: Any) -> None:
    mine = sa.select(table.c.id).where(table.c.workspace_id == scope.workspace_id(), about)
    ids = set(session.scalars(mine, execution_options=_WHY))
    if ids:
        found.setdefault(table.name, set()).update(ids)


def _addresses(contact_id: int) -> list[str]:
    """Every address of the person: what they are known by where there is no id."""
    addresses: list[str] = []
    model: Any
    for model in (Contact, *(m for m in registry.entities().values() if m.policy.parent == Contact.__tablename__)):
        table = model.__table__
        key = table.c.id if model is Contact else table.c[registry.parent_link(model)]
        for name, one in registry.fields(model).items():
            if one.kind is Kind.EMAIL:
                mine = sa.select(table.c[name]).where(table.c.workspace_id == scope.workspace_id(), key == contact_id)
                addresses += [a for a in session.scalars(mine, execution_options=_WHY) if a]
    return addresses


def _add_files(found: Found) -> None:
    """Files that added fields of these records hold, unless they are filed under somebody else."""
    held: set[int] = set()
    for entity, ids in list(found.items()):
        model: Any = registry.entities().get(entity)
        if model is None:
            continue
        names = [n for n, one in schema.every_known(model).items() if one.custom and one.target == "stored_file"]
        if names:
            table = model.__table__
            customs = session.scalars(
                sa.select(table.c.custom).where(table.c.id.in_(ids), table.c.custom.is_not(None)),
                execution_options=_WHY,
            )
            held |= {key for custom in customs for n in names if isinstance(key := custom.get(n), int)}
    if held:
        columns = StoredFile.__table__.c
        people = found.get(Contact.__tablename__, set())
        whose = sa.or_(columns.contact_id.is_(None), columns.contact_id.in_(people))
        _add(found, StoredFile.__table__, sa.and_(columns.id.in_(held), whose))

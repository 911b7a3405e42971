"""Writes a chunk of people with their details, tags, change rows and audit rows, in a fixed number of statements.

The same rules as `app.services.records` and `contacts.complete`, in bulk: provenance, ownership, name key, one address
for one person (`known` and `deciding` saw to it), history under the person's own key. A new person is one change and
one audit row, which also tell of the details; what is added to somebody known has rows of its own. Does not belong
here: deciding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app.services import custom_index, formulas, history, hook_events, inserting, schema, subject_keys
from app.services.imports.deciding import Terms
from app.services.imports.known import FIELDS
from app.services.imports.people import Person
from app.services.operation import Operation
from models import registry, scope, tenancy
from models.base import session
from models.contact import Contact, ContactAddress, ContactEmail, ContactPhone, ContactTag, Tag
from models.custom import CustomValue
from models.registry import CUSTOM_PREFIX
from models.work import Note

_WHY = tenancy.reason("an import writes prepared rows of its own workspace, with their history")
_NOTE = 20_000
_PLAIN = ("type", "stage", "lawful_basis", "owner_id", "team_id")
_PERSONAL = tuple(n for n in FIELDS if n not in ("name_key", "custom") and registry.fields(Contact)[n].personal)
_TABLES: dict[str, Any] = {m.__tablename__: m for m in (ContactEmail, ContactPhone, ContactAddress, ContactTag, Note)}


@dataclass(slots=True)
class Writer:
    """Writes the people of one import; keeps the ids of the workspace's tags."""

    terms: Terms
    _tags: dict[str, int] = field(default_factory=dict)

    def write(self, op: Operation, people: Sequence[Person]) -> None:
        """Inserts and updates inside the open operation, and gives new people their ids. May raise IntegrityError where
        somebody else took an address meanwhile; then nothing of the chunk may stay."""
        new = [person for person in people if person.id is None]
        known = [person for person in people if person.id is not None and person.changed]
        stamp = self._stamp(op)
        self._make_tags(op, people, stamp)
        for person in (*new, *known):
            _work_out(person)
        story = _Story(op, stamp["workspace_id"])
        self._insert(new, stamp)
        for person in new:
            story.created(person, self.terms)
        _update(known, op)
        _index(new, known)
        for person in known:
            story.updated(person)
        for details, person_rows in ((False, new), (True, known)):
            self._insert_details(person_rows, stamp, story if details else None)
        self._insert_notes([*new, *known], stamp, story)
        story.write()

    def start_over(self) -> None:
        """What was written was taken back: tags that it made are not there."""
        self._tags = {}

    def _stamp(self, op: Operation) -> dict[str, Any]:
        """Provenance of every row (P3)."""
        return {
            "workspace_id": scope.workspace_id(),
            "created_at": op.at,
            "updated_at": op.at,
            "created_by": op.actor.label,
            "version": 1,
            "source": "import",
            "source_ref": self.terms.source_ref,
        }

    def _insert(self, new: list[Person], stamp: dict[str, Any]) -> None:
        same = {
            **stamp,
            "owner_id": self.terms.owner_id,
            "team_id": self.terms.team_id,
            "stage": "new",
            "minor": False,
            "last_activity": stamp["created_at"],
        }
        base = {**dict.fromkeys(FIELDS), "type": "other"}
        ids = _insert(Contact, [{**base, **person.values} for person in new], same)
        for person, key in zip(new, ids, strict=True):
            person.id = key

    def _insert_details(self, people: list[Person], stamp: dict[str, Any], story: _Story | None) -> None:
        """Of known people with ids, as their history names each row; of new ones without."""
        rows: dict[str, list[dict[str, Any]]] = {}
        for person in people:
            for entity, values in _details_of(person, self._tags):
                rows.setdefault(entity, []).append({"contact_id": person.id, **values})
        for entity, its in rows.items():
            model = _TABLES[entity]
            if story is None:
                inserting.insert(model.__table__, its, stamp, why=_WHY)
            else:
                story.details(model, its, _insert(model, its, stamp))

    def _insert_notes(self, people: list[Person], stamp: dict[str, Any], story: _Story) -> None:
        same = {**stamp, "owner_id": self.terms.owner_id, "team_id": self.terms.team_id, "pinned": False}
        rows = [
            {"contact_id": person.id, "body": text[at : at + _NOTE]}
            for person in people
            for text in person.added_notes
            for at in range(0, len(text), _NOTE)
        ]
        story.details(Note, rows, _insert(Note, rows, same))

    def _make_tags(self, op: Operation, people: Sequence[Person], stamp: dict[str, Any]) -> None:
        wanted = {tag.casefold(): tag for person in people for tag in person.added_tags}
        if wanted.keys() <= self._tags.keys():
            return
        self._tags = {
            name.casefold(): key for key, name in session.execute(sa.select(Tag.id, Tag.name).order_by(Tag.id.desc()))
        }
        missing = [name for key, name in sorted(wanted.items()) if key not in self._tags]
        rows = [{"name": name} for name in missing]
        ids = _insert(Tag, rows, stamp)
        self._tags.update((name.casefold(), key) for name, key in zip(missing, ids, strict=True))
        story = _Story(op, stamp["workspace_id"])
        story.details(Tag, rows, ids)
        story.write()


@dataclass(slots=True)
class _Story:
    """The change and audit rows of a chunk."""

    op: Operation
    workspace: int
    changes: list[dict[str, Any]] = field(default_factory=list)
    events: list[history.Event] = field(default_factory=list)
    new: set[tuple[int, int]] = field(default_factory=set)
    told: list[hook_events.Happened] = field(default_factory=list)

    def created(self, person: Person, terms: Terms) -> None:
        values = person.values
        personal: dict[str, Any] = {name: [None, history.plain(values[name])] for name in _PERSONAL if values.get(name)}
        personal |= {name: [None, added] for name, added in _added(person).items()}
        custom = {name: [None, value] for name, value in (values.get("custom") or {}).items()}
        personal |= {name: pair for name, pair in custom.items() if _is_personal(name)}
        owned = {"owner_id": terms.owner_id, "team_id": terms.team_id, "stage": "new", "type": "other", **values}
        facts = {name: [None, owned[name]] for name in _PLAIN if owned.get(name)}
        facts |= {name: pair for name, pair in custom.items() if name not in personal}
        key = person.id or 0
        self.new.add((self.workspace, key))
        told = {"fields": sorted([*facts, *personal]), **facts}
        self._note("create", "contact", key, key, {}, {}, told, personal)

    def updated(self, person: Person) -> None:
        old, new = _edit(person)
        shown = {name: [old[name], value] for name, value in new.items() if name != "name_key"}
        if shown:
            personal = {name: value for name, value in shown.items() if _is_personal(name)}
            facts = {"fields": sorted(shown), **{n: v for n, v in shown.items() if n not in personal}}
            self._note("update", "contact", person.id or 0, person.id, old, new, facts, personal)

    def details(self, model: Any, rows: Sequence[dict[str, Any]], ids: Sequence[int]) -> None:
        known = registry.writable(model)
        for row, key in zip(rows, ids, strict=True):
            values = {name: [None, row[name]] for name in known if row.get(name) not in (None, "", False)}
            personal = {name: value for name, value in values.items() if known[name].personal}
            facts = {"fields": sorted(values), **{n: v for n, v in values.items() if n not in personal}}
            self._note("create", model.__tablename__, key, row.get("contact_id"), {}, {}, facts, personal)

    def write(self) -> None:
        people = {(self.workspace, e.subject_id) for e in self.events if e.subject_id is not None and e.personal}
        keys = subject_keys.for_subjects(people, new=self.new)
        audits = [
            history.audit_row(self.op.actor, event, keys, at=self.op.at, reason=self.op.reason) for event in self.events
        ]
        history.insert_rows(self.changes, audits)
        hook_events.tell(self.op, self.told)

    def _note(
        self,
        verb: str,
        entity: str,
        key: int,
        subject: int | None,
        old: dict[str, Any],
        new: dict[str, Any],
        facts: dict[str, Any],
        personal: dict[str, Any],
    ) -> None:
        self.changes.append(history.plain_change_row(self.op, self.workspace, verb, entity, key, subject, old, new))
        self.events.append(history.Event(f"{entity}.{verb}", entity, key, subject, facts, personal, self.workspace))
        version = 1 if verb == "create" else None
        self.told.append(hook_events.Happened(entity, verb, key, version, subject, tuple(facts["fields"])))


def _is_personal(name: str) -> bool:
    """Whether a field's values are sealed; what nobody can name any more is taken for personal."""
    if not name.startswith(CUSTOM_PREFIX):
        return name in _PERSONAL
    one = schema.every_added(Contact).get(name)
    return one is None or one.personal


def _edit(person: Person) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changed, old and new, as history keeps it; added fields by their own names."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for name, value in person.old.items():
        if name == "custom":
            before, after = value or {}, person.values["custom"] or {}
            for key in sorted(before.keys() | after.keys()):
                if before.get(key) != after.get(key):
                    old[key], new[key] = before.get(key), after.get(key)
        else:
            old[name], new[name] = history.plain(value), history.plain(person.values[name])
    return old, new


def _work_out(person: Person) -> None:
    """The computed fields of a person, from what the file and the workspace know."""
    known, custom = schema.every(Contact), dict(person.values.get("custom") or {})
    wanted = {name: one for name, one in schema.every_added(Contact).items() if one.formula}
    if not wanted:
        return
    usual = {"type": "other", "stage": "new", "minor": False}

    def value_of(name: str) -> Any:
        if name.startswith(CUSTOM_PREFIX):
            return schema.of_stored(known[name], custom.get(name))
        return person.values.get(name, usual.get(name))

    for name, one in wanted.items():
        needed = {n for n in formulas.read(one.formula).names if not n.startswith(CUSTOM_PREFIX)}
        if person.id is not None and needed - set(FIELDS):
            continue  # it needs what an import does not read of somebody known; their next change works it out
        value = schema.stored(one, formulas.result(one, known, value_of))
        if value is None:
            custom.pop(name, None)
        else:
            custom[name] = value
    if custom != (person.values.get("custom") or {}):
        person.old.setdefault("custom", person.values.get("custom"))
        person.values["custom"] = custom or None


def _index(new: Sequence[Person], known: Sequence[Person]) -> None:
    """The index rows of added fields: new ones, and those of whom the file changed."""
    own, here = schema.every_added(Contact), scope.workspace_id()
    if not own:
        return
    changed = [p for p in known if "custom" in p.old]
    stale = {(here, one.custom or 0): [p.id or 0 for p in changed] for one in own.values()} if changed else {}
    fresh = [
        row
        for p in (*new, *changed)
        if p.values.get("custom")
        for row in custom_index.rows(own, p.values["custom"], here, p.id or 0, p.id)
    ]
    custom_index.replace(stale, ())
    inserting.insert(CustomValue.__table__, fresh, {}, why=_WHY)


def _details_of(person: Person, tags: dict[str, int]) -> Iterator[tuple[str, dict[str, Any]]]:
    for email in person.added_emails:
        yield "contact_email", {"address": email.value, "label": email.label or "other"}
    for phone in person.added_phones:
        yield "contact_phone", {"number": phone.value, "label": phone.label or "other"}
    for a in person.added_addresses:
        street = a.street or a.city or a.postal_code or a.region or a.country
        yield (
            "contact_address",
            {
                "street": street,
                "city": a.city or None,
                "state": a.region or None,
                "postal_code": a.postal_code or None,
                "country": a.country or None,
                "label": a.label or "home",
            },
        )
    for key in dict.fromkeys(tag.casefold() for tag in person.added_tags):
        yield "contact_tag", {"tag_id": tags[key]}


def _added(person: Person) -> dict[str, Any]:
    """The details of a new person, for its audit row."""
    found = {
        "emails": [email.value for email in person.added_emails],
        "phones": [phone.value for phone in person.added_phones],
        "addresses": [[a.street, a.city, a.region, a.postal_code, a.country] for a in person.added_addresses],
        "tags": person.added_tags,
    }
    return {name: values for name, values in found.items() if values}


def _update(people: list[Person], op: Operation) -> None:
    rows = [{"its_id": p.id, "at": op.at, **{f"to_{name}": p.values[name] for name in FIELDS}} for p in people if p.old]
    if rows:
        table = Contact.__table__
        values = {name: sa.bindparam(f"to_{name}", type_=table.c[name].type) for name in FIELDS}
        here = sa.and_(table.c.id == sa.bindparam("its_id"), table.c.workspace_id == scope.workspace_id())
        statement = (
            sa.update(table)
            .where(here)
            .values(**values, updated_at=sa.bindparam("at", type_=table.c.updated_at.type), version=table.c.version + 1)
        )
        session.execute(statement, rows, execution_options=_WHY)


def _insert(model: Any, rows: Sequence[dict[str, Any]], same: dict[str, Any]) -> list[int]:
    """Inserts rows and gives their ids, in their order. Ids are taken beforehand: asked back row by row they cost more
    than the rows.
    """
    if not rows:
        return []
    table = model.__table__
    ids = _free_ids(table, len(rows))
    inserting.insert(table, [{**row, "id": key} for key, row in zip(ids, rows, strict=True)], same, why=_WHY)
    return ids


def _free_ids(table: sa.Table, count: int) -> list[int]:
    """From the sequence; SQLite has none, and its one writer is this transaction, which took the lock with its first
    statement.
    """
    if session.get_bind().dialect.name == "postgresql":
        name = sa.func.pg_get_serial_sequence(table.name, "id")
        drawn = sa.select(sa.func.nextval(name)).select_from(sa.func.generate_series(1, count))
        return sorted(session.scalars(drawn))
    last = session.scalar(sa.select(sa.func.max(table.c.id)), execution_options=_WHY) or 0
    return list(range(last + 1, last + count + 1))

"""An import by somebody whose role works by a rule: who would not meet the rule afterwards is not written.

Whether somebody meets it is known to the database alone, once they are written: a chunk is tried, and written again
without those. Does not belong here: verdicts by the rows themselves (`deciding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import sqlalchemy as sa

from app import permissions
from app.errors import Forbidden
from app.services.imports.deciding import Outcome
from app.services.imports.people import Person
from app.services.imports.rows import Problem
from app.services.imports.writing import Writer
from app.services.operation import Operation, operation
from models.base import session
from models.contact import Contact
from models.scope import Actor, Rule
from models.words import N_

UNMET = N_("Your role works on contacts that meet its rule, and this one would not. Nothing of this row was imported.")


class _TakenBack(Exception):
    """A preview writes nothing that stays."""


class _Outside(Exception):
    """Some of a chunk do not meet the rule: `who` by identity."""

    def __init__(self, who: set[int]) -> None:
        self.who = who


def is_ruled(actor: Actor) -> bool:
    """Whether a rule says which contacts this person may write."""
    return isinstance(permissions.reach(actor, "write", "contact"), Rule)


def write(writer: Writer, op: Operation, outcomes: list[Outcome], *, actor: Actor) -> list[Outcome]:
    """Write the people of a chunk inside the open operation; gives the outcomes as they are then."""
    people = people_of(outcomes)
    if not is_ruled(actor):
        writer.write(op, people)
        return outcomes
    new = [person for person in people if person.id is None]
    try:
        with op.attempt():
            writer.write(op, people)
            if who := _outside(people, actor):
                raise _Outside(who)
        return outcomes
    except _Outside as found:
        kept = [_refused(one) if id(one.person) in found.who else one for one in outcomes]
    for person in new:
        person.id = None
    writer.start_over()
    people = people_of(kept)
    writer.write(op, people)
    if _outside(people, actor):
        raise Forbidden("write", "contact", str(UNMET))
    return kept


def tried(writer: Writer, outcomes: list[Outcome], *, actor: Actor) -> list[Outcome]:
    """The outcomes that `write` would give, for a preview: what it wrote is taken back."""
    if not is_ruled(actor):
        return outcomes
    new = [person for person in people_of(outcomes) if person.id is None]
    told: list[Outcome] = []
    with operation("import.preview", actor=actor) as op, suppress(_TakenBack), op.attempt():
        told = write(writer, op, outcomes, actor=actor)
        raise _TakenBack
    for person in new:
        person.id = None
    writer.start_over()
    return told


def again(outcomes: list[Outcome], *, actor: Actor) -> list[Outcome]:
    """Outcomes of rows that were worked on before a break: whoever is not there was refused then."""
    if not is_ruled(actor):
        return outcomes
    return [_refused(one) if one.verdict == "created" else one for one in outcomes]


def people_of(outcomes: Sequence[Outcome]) -> list[Person]:
    """Each person once, though several rows of the chunk may be about them."""
    return list({id(o.person): o.person for o in outcomes if o.person is not None}.values())


def _refused(one: Outcome) -> Outcome:
    one.row.errors.append(Problem("", str(UNMET)))
    return Outcome("errors", one.row)


def _outside(people: Sequence[Person], actor: Actor) -> set[int]:
    inside = set[int]()
    ids = [person.id for person in people]
    for start in range(0, len(ids), 500):
        some = sa.select(Contact.id).where(Contact.id.in_(ids[start : start + 500]))
        inside.update(session.scalars(permissions.restrict(some, Contact, actor, "write")))
    return {id(person) for person in people if person.id not in inside}

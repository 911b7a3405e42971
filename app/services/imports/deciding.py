"""What becomes of each row of a chunk, and of the people it is about: one way for the preview and for the run.

Belongs here: verdicts. Writes nothing. Does not belong here: matching itself (`matching`) or filling (`people`). A
verdict is "created"; "updated" where the row changes somebody, or joins an earlier row of the file; "skipped" where it
brings nothing new or known people are to stay as they are; "errors" where it cannot be imported. Their sum is the rows
read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from app import permissions
from app.services.imports import known, matching, needed
from app.services.imports.known import Chunk
from app.services.imports.matching import Action, Decision, Matcher
from app.services.imports.people import Person, fill, new_person
from app.services.imports.rows import ContactRow, Problem
from models.fields import now
from models.scope import Actor
from models.words import N_, _

VERDICTS = ("created", "updated", "skipped", "errors")
MINOR_AGE = 13
_TAKEN = N_("Another contact already has the e-mail {}. Nothing was changed.")
_JOINED = N_("This is about the person of line {}, who was not imported. Nothing of this row was imported.")
_MINOR = N_(
    "This person is under 13. Add the contact by hand and write down who gave authority to keep "
    "the data, or leave the birthday out."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all rows of one import. `on_match` is "fill", "overwrite" or "skip"; `source_ref` is
    "import:<batch id>".
    """

    source_ref: str
    basis: str
    on_match: str = "fill"
    region: str = "US"
    owner_id: int | None = None
    team_id: int | None = None
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`person` is the contact as it is to be, None where the row is skipped, bad, or joins somebody a preview has not
    written.
    """

    verdict: str
    row: ContactRow
    person: Person | None = None


@dataclass(slots=True)
class Decider:
    """Decides the rows of one file in order. `lock` keeps found contacts still until the transaction ends."""

    terms: Terms
    actor: Actor
    lock: bool = False
    matcher: Matcher = field(init=False)
    _changed: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)
    _new_tags: bool = field(init=False)

    def __post_init__(self) -> None:
        self.matcher = Matcher(
            update=self.terms.on_match != "skip",
            overwrite=self.terms.on_match == "overwrite",
            lacking=needed.of_new(self.terms),
        )
        self._new_tags = permissions.reach(self.actor, "write", "tag") is not None

    def go_on(self, since: dt.datetime) -> None:
        """Learn what this import, begun at `since`, changed before a break: decided again, those rows do not tell."""
        self._changed, former = known.changed(self.actor, since)
        self.matcher.renamed(former)

    def decide(self, rows: Sequence[ContactRow]) -> list[Outcome]:
        """One outcome per row. Good rows have errors added where the workspace stands in their way."""
        today = now().astimezone(dt.UTC).date()
        for row in rows:
            if row.birthday is not None and _age(row.birthday, today) < MINOR_AGE:
                row.errors.append(Problem("birthday", _MINOR))
        found = known.look_up(
            matching.lookup(rows),
            {row.name_key for row in rows if row.name_key},
            actor=self.actor,
            source_ref=self.terms.source_ref,
            lock=self.lock,
        )
        for row in rows:
            row.errors.extend(Problem("email", _TAKEN.format(d.value)) for d in row.emails if d.value in found.taken)
        decisions = self.matcher.decide(rows, found.known())
        known.more(
            found,
            {d.contact_id for d in decisions if d.contact_id},
            actor=self.actor,
            source_ref=self.terms.source_ref,
            lock=self.lock,
        )
        bare = {row.name for row in rows if not (row.bad or row.emails or row.phones)}
        repeats = known.unreachable(bare, actor=self.actor, source_ref=self.terms.source_ref)
        new: dict[int, Person] = {}
        return [self._outcome(decision, found, new, repeats) for decision in decisions]

    def wrote(self, outcomes: Sequence[Outcome]) -> None:
        """Tells that the new people of these outcomes have their ids now."""
        made = {o.row.line: o.person.id for o in outcomes if o.verdict == "created" and o.person is not None}
        self.matcher.wrote({line: key for line, key in made.items() if key is not None})

    def refuse(self, outcomes: Sequence[Outcome]) -> None:
        """Tells which rows brought nobody: a later row about the same person joins them in that."""
        self._refused |= {o.row.line for o in outcomes if o.verdict == "errors"}

    def _outcome(
        self, decision: Decision, found: Chunk, new: dict[int, Person], repeats: Mapping[str, list[Person]]
    ) -> Outcome:
        row, terms = decision.row, self.terms
        if decision.action is Action.ERROR:
            return Outcome("errors", row)
        if not self._new_tags:
            _set_aside_tags(row)
        if decision.action is Action.CREATE and _is_repeat(row, repeats):
            return Outcome("skipped", row)
        if decision.action is Action.CREATE:
            new[row.line] = person = new_person(row, terms.basis, found.binned)
            return Outcome("created", row, person)
        person_known = found.people.get(decision.contact_id or 0) or new.get(decision.first_line or 0)
        if person_known is None and decision.first_line in self._refused:
            row.errors.append(Problem("", _JOINED.format(decision.first_line)))
            return Outcome("errors", row)
        if person_known is None:
            return Outcome("updated", row)
        return self._update(decision, person_known, found)

    def _update(self, decision: Decision, person: Person, found: Chunk) -> Outcome:
        """A contact this import has made or changed already is joined, so that running on after a break counts the
        same.
        """
        row, key = decision.row, person.id or 0
        if decision.action is Action.SKIP and not person.ours:
            return Outcome("skipped", row)
        overwrite = decision.action is Action.UPDATE and self.terms.on_match == "overwrite" and not person.ours
        fill(person, row, self.terms.basis, found.binned, overwrite=overwrite)
        if not (person.ours or key in self._changed or person.changed):
            return Outcome("skipped", row)
        if key:
            self._changed.add(key)
        return Outcome("updated", row, person)


def _is_repeat(row: ContactRow, repeats: Mapping[str, list[Person]]) -> bool:
    """A name alone makes nobody the same person; but a row that says nothing a contact has not, word for word, brings
    nobody new.
    """
    if row.emails or row.phones:
        return False
    for person in repeats.get(row.name, ()):
        tried = deepcopy(person)
        fill(tried, row, "", overwrite=True)
        if not tried.changed:
            return True
    return False


def _set_aside_tags(row: ContactRow) -> None:
    """Without the right to make tags, they are kept as text."""
    if row.tags:
        row.notes = "\n".join(text for text in (row.notes, _("Tags: {tags}", tags=", ".join(row.tags))) if text)
        row.tags = []


def _age(born: dt.date, today: dt.date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

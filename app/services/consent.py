"""Consent and notices: published policy texts, the ledger of consent, minors, attestations (P1, P8, P37, P67).

The ledger is only added to; the newest entry of a contact and topic counts. Does not belong here: who must not be
written to (`app.services.suppressions`), what visitors decide on public pages (`app.services.preferences`), and the
notice that ships with the product (`app.services.policy_texts`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from typing import NoReturn

import sqlalchemy as sa

from app.errors import Forbidden, Invalid
from app.services import records
from app.services.operation import operation
from models.base import session
from models.contact import BASES, Contact
from models.privacy import Attestation, Consent, PolicyVersion
from models.scope import Actor
from models.words import N_, _

POLICY_KINDS = (("privacy", N_("Privacy policy")), ("terms", N_("Terms")), ("notice", N_("Notice on a form")))
SHORTEST = 10
TOPICS = (
    ("marketing", N_("Marketing e-mail")),
    ("phone", N_("Calls and text messages")),
    ("tracking", N_("Opens, clicks and visits")),
    ("ai", N_("Drafting with AI")),
)
# What may not be asked of a minor, whatever the authority (P67).
BLOCKED_FOR_MINORS = frozenset({"marketing", "tracking", "ai"})
LAWFUL = frozenset(key for key, _label in BASES if key != "unknown")
_TOPICS = dict(TOPICS)


@dataclass(frozen=True, slots=True)
class Standing:
    """What counts now for one topic. `given` None: nobody was asked. `blocked` is a sentence where it is closed to
    this person."""

    topic: str
    label: str
    given: bool | None
    basis: str | None
    at: dt.datetime | None
    source: str | None
    wording: str
    blocked: str | None

    @property
    def allowed(self) -> bool:
        return bool(self.given) and self.blocked is None


def publish(kind: str, text: str, *, actor: Actor) -> PolicyVersion:
    """Put a text in force, for the whole installation; operators only. The one in force gives itself back; an older
    one is
    `Invalid`, as the ledger could not tell when people saw it."""
    if not actor.everything:
        raise Forbidden("write", "policy", _("Only an operator of this installation publishes policy texts."))
    if kind not in dict(POLICY_KINDS):
        raise Invalid({"kind": _("Choose the kind of text from the list.")})
    if not text.strip():
        raise Invalid({"text": _("The text is empty. Write the policy first.")})
    digest = hashlib.sha256(text.encode()).hexdigest()
    with operation("policy.publish", actor=actor) as op:
        known = session.scalars(sa.select(PolicyVersion).where(PolicyVersion.digest == digest)).one_or_none()
        newest = current(kind)
        if known is not None and newest is not None and newest.id == known.id:
            return known
        if known is not None:
            raise Invalid({"text": _("This text was published before and replaced since. Say in it what is new.")})
        version = PolicyVersion(kind=kind, digest=digest, text=text, published_at=op.at)
        session.add(version)
        session.flush()
        op.audit(
            "policy.publish", entity="policy_version", record_id=version.id, facts={"kind": kind, "digest": digest}
        )
    return version


def current(kind: str = "privacy") -> PolicyVersion | None:
    """The newest published text of a kind, or None where none was published yet."""
    statement = sa.select(PolicyVersion).where(PolicyVersion.kind == kind).order_by(PolicyVersion.id.desc()).limit(1)
    return session.scalars(statement).one_or_none()


def give(contact_id: int, topic: str, *, wording: str, source: str, actor: Actor, basis: str = "consent") -> Consent:
    """Note that a person agreed: to which topic, to which words, where (a form, a call). Raises `Invalid`,
    `NotFound`."""
    contact: Contact = records.load(Contact, contact_id, actor=actor, action="write")
    problems = _problems(topic, basis)
    if not wording.strip():
        problems["wording"] = _("Write down the words that the person agreed to.")
    blocked = minor_block(contact, topic)
    if blocked:
        problems["topic"] = blocked
    if problems:
        raise Invalid(problems)
    return _note(contact, topic, True, basis, wording, source, actor)


def withdraw(contact_id: int, topic: str, *, source: str, actor: Actor, wording: str = "") -> Consent:
    """Note that a person took it back; it counts at once."""
    contact: Contact = records.load(Contact, contact_id, actor=actor, action="write")
    problems = _problems(topic, "consent")
    if problems:
        raise Invalid(problems)
    return _note(contact, topic, False, "consent", wording, source, actor)


def status(contact_id: int, *, actor: Actor) -> list[Standing]:
    """What counts now, topic by topic; two statements."""
    contact: Contact = records.load(Contact, contact_id, actor=actor)
    newest: dict[str, Consent] = {}
    for row in session.scalars(sa.select(Consent).where(Consent.contact_id == contact_id).order_by(Consent.id.desc())):
        newest.setdefault(row.topic, row)
    return [_standing(contact, topic, label, newest.get(topic)) for topic, label in TOPICS]


def minor_block(contact: Contact, topic: str) -> str | None:
    """Why a topic is closed for this person, as a sentence; None where it is not."""
    if not contact.minor:
        return None
    if not contact.minor_authority:
        return _("This person is marked as under age, and nobody with authority agreed. Write down who did.")
    if topic in BLOCKED_FOR_MINORS:
        return _("{topic} is closed for people who are marked as under age.", topic=_TOPICS.get(topic, topic))
    return None


def attest(what: str, basis: str, words: str, *, actor: Actor, what_id: int | None = None) -> Attestation:
    """Note who vouches for a batch, on which basis (see `BASES`), in which words. Raises `Invalid`, before any
    operation opens."""
    problems = {}
    if basis not in LAWFUL:
        problems["basis"] = _("Choose the lawful basis on which these people's data may be used.")
    if len(words.strip()) < SHORTEST:
        problems["words"] = _("Say in a sentence where these people's data comes from and why you may use it.")
    if problems:
        _refuse(what, what_id, problems, actor)
    with operation("attestation.give", actor=actor) as op:
        row = Attestation(
            what=what,
            what_id=what_id,
            basis=basis,
            words=words.strip(),
            membership_id=actor.membership_id,
            by=actor.label,
            at=op.at,
        )
        session.add(row)
        session.flush()
        op.audit("attestation.give", entity=what, record_id=what_id, facts={"attestation": row.id, "basis": basis})
    return row


def attested(what: str, what_id: int, *, actor: Actor) -> Attestation:
    """The attestation of a batch; without one the work may not start: `Invalid`."""
    statement = sa.select(Attestation).where(Attestation.what == what, Attestation.what_id == what_id)
    found = session.scalars(statement.order_by(Attestation.id.desc()).limit(1)).one_or_none()
    if found is None:
        words = _("Nobody vouched for the lawful basis of these people yet. Do that first; nothing else was lost.")
        _refuse(what, what_id, {"basis": words}, actor)
    return found


def _problems(topic: str, basis: str) -> dict[str, str]:
    problems = {}
    if topic not in _TOPICS:
        problems["topic"] = _("Choose the topic from the list.")
    if basis not in LAWFUL:
        problems["basis"] = _("Choose the lawful basis from the list.")
    return problems


def _note(contact: Contact, topic: str, given: bool, basis: str, wording: str, source: str, actor: Actor) -> Consent:
    policy = current()
    verb = "given" if given else "withdrawn"
    with operation(f"consent.{verb}", actor=actor) as op:
        row = Consent(
            contact_id=contact.id,
            topic=topic,
            given=given,
            basis=basis,
            source=source[:80],
            wording=wording,
            at=op.at,
            ip=actor.ip,
            policy_digest=policy.digest if policy else None,
        )
        session.add(row)
        session.flush()
        facts = {"topic": topic, "basis": basis, "source": source[:80]}
        op.audit(f"consent.{verb}", entity="contact", record_id=contact.id, subject_id=contact.id, facts=facts)
    return row


def _standing(contact: Contact, topic: str, label: str, row: Consent | None) -> Standing:
    blocked = minor_block(contact, topic)
    if row is None:
        return Standing(topic, label, None, None, None, None, "", blocked)
    return Standing(topic, label, row.given, row.basis, row.at, row.source, row.wording, blocked)


def _refuse(what: str, what_id: int | None, problems: dict[str, str], actor: Actor) -> NoReturn:
    with operation("attestation.refused", actor=actor) as op:
        op.audit("attestation.refused", entity=what, record_id=what_id, facts={"missing": sorted(problems)})
    raise Invalid(problems)

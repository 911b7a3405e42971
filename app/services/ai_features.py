"""What AI may be asked for. A feature declares the fields that it is made of, its task, and what becomes of its text.

A later feature registers here with `register`; nothing else has to change for the ledger, the gate, the limits, the
jobs and the settings to hold for it. Does not belong here: reading the fields (`app.services.ai_inputs`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from models import registry
from models.policy import Category
from models.words import N_

# What a feature makes: an e-mail with subject and text, a text for a note or a template, or one thing on each line.
EMAIL, TEXT, LINES = "email", "text", "lines"
# What the asker and the brokerage give beside records; "asked" is what the asker typed for this draft.
LOOSE = frozenset({
    "sender.name", "workspace.name", "workspace.website", "workspace.language", "asked.wish", "asked.text",
})  # fmt: skip
# Data that no provider gets, whatever a feature declares: secrets, money of the office, signatures, traces of devices.
BARRED = frozenset({
    Category.ACCOUNT, Category.BILLING, Category.INTEGRATION, Category.API_KEY, Category.SECURITY_EVENT,
    Category.DEVICE_LOG, Category.SIGNER, Category.SIGNATURE_EVENT, Category.VIDEO_EVENT, Category.STUDENT,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Input:
    """One field that a feature may read: "contact.goes_by", in the words of the page. `most` is how many records of its
    kind are read at most, the newest first."""

    name: str
    label: str
    most: int = 1

    @property
    def entity(self) -> str:
        return self.name.partition(".")[0]

    @property
    def field(self) -> str:
        return self.name.partition(".")[2]


@dataclass(frozen=True, slots=True)
class Feature:
    """`verb` is the button that asks for it, `about` the kind of record it is asked for on, `rights` are what the asker
    needs beside the right to AI, `needs` the inputs of which at least one must hold something, `task` what the provider
    is told, in English; `tokens` is the longest answer that is paid for."""

    key: str
    label: str
    verb: str
    about: str
    makes: str
    inputs: tuple[Input, ...]
    task: str
    rights: tuple[tuple[str, str], ...] = ()
    needs: tuple[str, ...] = ()
    tokens: int = 800
    offered: bool = True

    def labels(self) -> dict[str, str]:
        return {one.name: one.label for one in self.inputs}


class BrokenFeature(Exception):
    """A feature declares what must not be read or is not there; the start stops."""


_features: dict[str, Feature] = {}


def register(feature: Feature) -> Feature:
    """Add a feature; raises `BrokenFeature` where there is one of that name. What it reads is checked at the start."""
    if feature.key in _features:
        raise BrokenFeature(f"Two AI features are called {feature.key}.")
    _features[feature.key] = feature
    return feature


def check(some: Iterable[Feature] | None = None) -> None:
    """Stop the start over a feature that reads what is not there or must not leave; raises `BrokenFeature`."""
    for feature in _features.values() if some is None else some:
        for one in feature.inputs:
            _check(feature, one)


def features() -> Mapping[str, Feature]:
    return MappingProxyType(_features)


def find(key: str) -> Feature | None:
    return _features.get(key)


def labels() -> dict[str, str]:
    """The words of every input there is."""
    return {name: label for feature in _features.values() for name, label in feature.labels().items()}


def _check(feature: Feature, one: Input) -> None:
    if one.name in LOOSE:
        return
    model = registry.entities().get(one.entity)
    known = registry.fields(model).get(one.field) if model is not None else None
    if model is None or known is None:
        raise BrokenFeature(f"{feature.key} reads {one.name}, which is no field.")
    if known.secret or (known.category or model.policy.category) in BARRED:
        raise BrokenFeature(f"{feature.key} reads {one.name}, which must not leave.")


_PERSON = (
    Input("contact.name", N_("name")),
    Input("contact.goes_by", N_("goes by")),
    Input("contact.type", N_("type")),
    Input("contact.next_step", N_("next step")),
)
_DEAL = (Input("deal.title", N_("newest deal")), Input("deal.property_address", N_("its property")))
_SIGNED = (
    Input("sender.name", N_("your name")),
    Input("workspace.name", N_("brokerage")),
    Input("workspace.language", N_("language")),
)
_WISH = Input("asked.wish", N_("what you asked for"))
_LOG = (
    Input("activity.title", N_("activities"), 10),
    Input("activity.details", N_("details of activities"), 10),
    Input("message.subject", N_("subjects of e-mails"), 10),
    Input("message.body", N_("e-mails"), 10),
)
_WRITES = (("write", "message"),)

FOLLOW_UP = register(Feature(
    "email", N_("Follow-up e-mail"), N_("Draft a follow-up"), "contact", EMAIL, (*_PERSON, *_DEAL, *_SIGNED, _WISH),
    "Write a short, friendly follow-up e-mail from the sender to the contact. Mention only what the data says. Propose "
    "one next step. Sign with the sender's name and the brokerage.",
    rights=_WRITES,
))  # fmt: skip
REPLY = register(Feature(
    "reply", N_("Reply"), N_("Draft a reply"), "contact", EMAIL, (*_PERSON[:3], *_DEAL, *_LOG[:2], *_SIGNED, _WISH),
    "The activities are what the contact wrote or said last, the newest first. Write a short e-mail from the sender "
    "that answers the newest one. Promise nothing that the data does not say. Sign with sender and brokerage.",
    rights=_WRITES, needs=("activity.title", "activity.details"),
))  # fmt: skip
LEAD_SUMMARY = register(Feature(
    "lead_summary", N_("Summary of the lead"), N_("Summarise the lead"), "contact", TEXT,
    (
        *_PERSON, Input("contact.stage", N_("stage")), Input("contact.budget_min", N_("budget from")),
        Input("contact.budget_max", N_("budget to")), Input("contact.about", N_("about")),
        Input("deal.title", N_("deals"), 5), Input("deal.property_address", N_("their properties"), 5),
        Input("task.title", N_("open tasks"), 5), Input("note.body", N_("notes"), 5), *_SIGNED[1:],
    ),
    "Summarise for a colleague in at most eight short lines who this person is, what they want, where it stands and "
    "what is open. Say nothing that the data does not say.",
    rights=(("write", "note"),),
))  # fmt: skip
CONVERSATION_SUMMARY = register(Feature(
    "conversation_summary", N_("Summary of the conversation"), N_("Summarise the conversation"), "contact", TEXT,
    (*_PERSON[:2], *_LOG, *_SIGNED[1:]),
    "Summarise for a colleague in at most eight short lines what was said between the brokerage and this person, the "
    "newest first, and what is still unanswered. Say nothing that the data does not say.",
    rights=(("write", "note"),), needs=("activity.title", "message.body"),
))  # fmt: skip
PLAN = register(Feature(
    "plan", N_("Follow-up plan"), N_("Plan the next steps"), "contact", LINES,
    (
        *_PERSON, Input("contact.stage", N_("stage")), *_DEAL, Input("task.title", N_("open tasks"), 10),
        Input("activity.title", N_("activities"), 5), *_SIGNED[1:], _WISH,
    ),
    "Propose a follow-up plan of three to five tasks for the sender. One line for each: a number of days from today, a "
    "colon, and the task in at most twelve words, as in “2: Call about the inspection”. Nothing else.",
    rights=(("write", "task"),), tokens=400,
))  # fmt: skip
SUBJECTS = register(Feature(
    "subjects", N_("Subject lines"), N_("Propose subject lines"), "contact", LINES,
    (Input("contact.type", N_("type")), *_SIGNED[1:], Input("asked.text", N_("the text you wrote"))),
    "Propose five different subject lines for the e-mail in asked.text, each on a line of its own, at most 60 "
    "characters, without numbering or quotation marks. Nothing else.",
    rights=_WRITES, needs=("asked.text",), tokens=300,
))  # fmt: skip
CAMPAIGN = register(Feature(
    "campaign", N_("Text for a campaign"), N_("Draft the text"), "template", TEXT,
    (
        Input("template.name", N_("name of the template")), Input("template.subject", N_("subject")),
        Input("template.kind", N_("kind")), *_SIGNED[1:], Input("workspace.website", N_("website")), _WISH,
    ),
    "Write the text of an e-mail that the brokerage sends to many people. Address each as {{ contact.goes_by }} and "
    "sign with {{ sender.name }}; use no other placeholders. Claim nothing that the data does not say.",
    rights=(("write", "template"),),
))  # fmt: skip
_OF_CAMPAIGN = (
    Input("campaign.name", N_("name of the campaign")), Input("campaign.subject", N_("subject")),
    Input("campaign.preheader", N_("preview text")), *_SIGNED[1:],
)  # fmt: skip
CAMPAIGN_MAIL = register(Feature(
    "campaign_mail", N_("E-mail of a campaign"), N_("Draft the e-mail"), "campaign", TEXT,
    (*_OF_CAMPAIGN, Input("workspace.website", N_("website")), _WISH),
    "Write an e-mail that the brokerage sends to many people. The first line is a headline of at most eight words; "
    "then an empty line, a line that addresses the reader as {{ contact.goes_by }}, and two to four short paragraphs "
    "parted by empty lines. Use no other placeholders and do not sign: a signature stands below. Claim nothing that "
    "the data does not say.",
    rights=(("write", "campaign"),),
))  # fmt: skip
CAMPAIGN_SUBJECTS = register(Feature(
    "campaign_subjects", N_("Subject lines of a campaign"), N_("Propose subject lines"), "campaign", LINES,
    (*_OF_CAMPAIGN, Input("asked.text", N_("the text you wrote"))),
    SUBJECTS.task, rights=(("write", "campaign"),), needs=("asked.text",), tokens=300,
))  # fmt: skip
# What the test button sends: nothing of anybody.
TEST = register(Feature(
    "test", N_("Test of a provider"), N_("Test"), "", TEXT, (), "Answer with the word ready.", tokens=50, offered=False,
))  # fmt: skip

"""The data rules of an entity: what kind of data it is, whose, why it is held, how long, and how it is erased.

Belongs here: the closed lists (categories, purposes, subject kinds) and `Policy`. Every table has one; a table or
column
without one stops the start (`models.registry`). Sources: promises P2, P7, P9, P38.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from models import words
from models.words import N_


class Category(StrEnum):
    """The data categories we hold; the whole list (P2)."""

    ACCOUNT = "account"
    TEAM = "team and brokerage"
    BILLING = "billing"
    USER_PROFILE = "user profile"
    CRM_RECORD = "CRM records"
    CONTACT = "contacts"
    LEAD = "leads"
    NOTE = "notes"
    ACTIVITY = "activities"
    TASK = "tasks"
    DEAL = "deals"
    PIPELINE = "pipeline"
    CAMPAIGN = "campaign content"
    SCHEDULING = "scheduling"
    BOOKING = "bookings"
    FILE = "uploaded files"
    DOCUMENT = "documents"
    SIGNER = "signers"
    SIGNATURE_EVENT = "signature audit events"
    VIDEO = "videos"
    VIDEO_EVENT = "video view events"
    COURSE = "course content"
    STUDENT = "course students"
    SUPPORT = "support messages"
    DEVICE_LOG = "device and log data"
    INTEGRATION = "integration settings"
    API_KEY = "API keys or hashes"
    SECURITY_EVENT = "security events"


class Purpose(StrEnum):
    """Why data is used; the whole list (P9). Each job and each call to the outside world names one."""

    RUN_TRANSACTIONS = "run transactions"
    AUTHENTICATE = "authenticate users"
    PROVISION = "provision workspaces"
    ROUTE_LEADS = "route leads"
    SEND_REQUESTED = "send requested communications"
    BILLING = "process billing"
    E_SIGNATURE = "support e-signatures"
    HOST_MEDIA = "host videos and courses"
    CREATE_ASSETS = "create reports and assets"
    INTEGRATE = "website and listing-alert integrations"
    SUPPORT = "provide support"
    RELIABILITY = "improve reliability"
    MONITOR = "monitor usage and health"
    DETECT_ABUSE = "detect abuse"
    SECURE_ACCOUNTS = "secure accounts"
    INVESTIGATE = "investigate incidents"
    ENFORCE_TERMS = "enforce terms"
    COMPLY_WITH_LAW = "comply with law"


class SubjectKind(StrEnum):
    """The kinds of people data may be about (P7), and the two kinds of insiders."""

    CLIENT = "client"
    PROSPECT = "prospect"
    LEAD = "website lead"
    SELLER = "seller"
    BUYER = "buyer"
    FARMING = "farming prospect"
    SIGNER = "signer"
    STUDENT = "student"
    RECIPIENT = "e-mail recipient"
    VIEWER = "video viewer"
    INVITEE = "booking invitee"
    USER = "user"
    NOBODY = "nobody"


class Erase(StrEnum):
    """What erasing the subject does to the row."""

    DELETE = "delete"
    ANONYMISE = "anonymise"
    SHRED = "shred"
    KEEP = "keep"


_DAYS = ("{n} day", "{n} days")
_YEARS = ("{n} year", "{n} years")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a row is kept after it was last needed; `days` None means as long as the workspace is active."""

    days: int | None
    texts: tuple[str, str]
    number: int

    @property
    def words(self) -> str:
        """ "7 years" """
        return words._n(*self.texts, self.number)


def days(number: int) -> Retention:
    return Retention(number, _DAYS, number)


def years(number: int) -> Retention:
    return Retention(number * 365, _YEARS, number)


WHILE_ACTIVE = Retention(None, (N_("while the workspace is active"), N_("while the workspace is active")), 0)


@dataclass(frozen=True, slots=True)
class Policy:
    """Data rules of one table. `subject` names the column path to the person: "self", a relation column, or None.

    `parent` names the entity whose permissions and reach rule this one (an e-mail address of a contact).
    """

    category: Category
    purpose: Purpose = Purpose.RUN_TRANSACTIONS
    subject: str | None = None
    kind: SubjectKind = SubjectKind.NOBODY
    keep: Retention = WHILE_ACTIVE
    hold: str | None = None
    erase: Erase = Erase.KEEP
    parent: str | None = None

    def __post_init__(self) -> None:
        if self.subject and self.kind is SubjectKind.NOBODY:
            raise ValueError("A policy with a subject must say what kind of person that is.")
        if self.subject and self.erase is Erase.KEEP and not self.hold:
            raise ValueError("Personal data that is kept on erasure needs the ground (hold) for it.")

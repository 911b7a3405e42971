"""People and companies a brokerage knows: the contact, its further e-mails, phones and addresses, and its tags."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Mapped

from models import fields as f
from models.base import Base, Link, Owned, Record, alive, searched
from models.policy import Category, Erase, Policy, SubjectKind, years
from models.words import N_

TYPES = (
    ("buyer", N_("Buyer")),
    ("seller", N_("Seller")),
    ("landlord", N_("Landlord")),
    ("tenant", N_("Tenant")),
    ("lead", N_("Website lead")),
    ("farming", N_("Farming prospect")),
    ("vendor", N_("Vendor")),
    ("other", N_("Other")),
)
STAGES = (
    ("new", N_("New")),
    ("qualified", N_("Qualified")),
    ("active", N_("Active")),
    ("under_contract", N_("Under contract")),
    ("closed", N_("Closed")),
    ("nurture", N_("Nurture")),
    ("lost", N_("Lost")),
)
BASES = (
    ("unknown", N_("Not recorded")),
    ("consent", N_("Consent")),
    ("contract", N_("Contract")),
    ("legitimate_interest", N_("Legitimate interest")),
    ("legal_obligation", N_("Legal obligation")),
    ("attested", N_("Attested in own words")),
)
LABELS = (
    ("main", N_("Main")),
    ("work", N_("Work")),
    ("home", N_("Home")),
    ("mobile", N_("Mobile")),
    ("other", N_("Other")),
)
CONTACT = Policy(Category.CONTACT, subject="self", kind=SubjectKind.CLIENT, keep=years(7), erase=Erase.ANONYMISE)
DETAIL = Policy(
    Category.CONTACT, subject="contact_id", kind=SubjectKind.CLIENT, keep=years(7), erase=Erase.DELETE, parent="contact"
)


class Contact(Owned, Base):
    """A person or company. `email` and `phone` are the main ones; further ones are rows of their own. Times are UTC,
    money is cents."""

    __tablename__ = "contact"
    policy = CONTACT
    title_field = "name"
    links: ClassVar = {"tags": Link("contact_tag", "contact_id", "tag_id", "tag", N_("Tags"))}

    name: Mapped[str] = f.text(200, required=True, label="Name", personal=True)
    goes_by: Mapped[str | None] = f.text(80, label="Goes by", personal=True)
    company: Mapped[str | None] = f.text(200, label="Company", personal=True)
    job_title: Mapped[str | None] = f.text(120, label="Job title", personal=True)
    type: Mapped[str] = f.choice(TYPES, default="buyer", label="Type")
    stage: Mapped[str] = f.choice(STAGES, default="new", label="Stage")
    email: Mapped[str | None] = f.email(label="E-mail", personal=True)
    phone: Mapped[str | None] = f.phone(label="Phone", personal=True)
    next_step: Mapped[str | None] = f.text(200, label="Next step", personal=True)
    budget_min: Mapped[int | None] = f.money(label="Budget from", personal=True)
    budget_max: Mapped[int | None] = f.money(label="Budget to", personal=True)
    birthday: Mapped[dt.date | None] = f.date(label="Birthday", personal=True)
    website: Mapped[str | None] = f.url(label="Website", personal=True)
    lawful_basis: Mapped[str] = f.choice(
        BASES, default="unknown", label="Lawful basis", hint="Why you may hold and use this person's data"
    )
    minor: Mapped[bool] = f.boolean(
        label="Under 13", hint="Needs the basis and a guardian's authority; blocks marketing and AI"
    )
    minor_authority: Mapped[str | None] = f.text(300, label="Authority for a minor", personal=True)
    about: Mapped[str | None] = f.long_text(5000, label="About", personal=True)
    last_activity: Mapped[dt.datetime] = f.moment(required=True, default=f.now, label="Last activity", readonly=True)
    name_key: Mapped[str] = f.text(200, required=True, label="Name key", readonly=True, default="", personal=True)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("uq_contact_email", "workspace_id", "email", unique=True, **alive()),
            sa.Index("ix_contact_alive", "workspace_id", sa.text("id DESC"), **alive()),
            sa.Index(
                "ix_contact_last_activity", "workspace_id", sa.text("last_activity DESC"), sa.text("id DESC"), **alive()
            ),
            sa.Index(
                "ix_contact_stage",
                "workspace_id",
                "stage",
                sa.text("last_activity DESC"),
                sa.text("id DESC"),
                **alive(),
            ),
            sa.Index(
                "ix_contact_owner",
                "workspace_id",
                "owner_id",
                sa.text("last_activity DESC"),
                sa.text("id DESC"),
                **alive(),
            ),
            sa.Index("ix_contact_phone", "workspace_id", "phone", **alive()),
            sa.Index("ix_contact_name_key", "workspace_id", "name_key", **alive()),
            sa.Index("ix_contact_name", "workspace_id", "name", "id", **alive()),
            *searched("contact", "name", "email", "phone", "company"),
        )


class ContactEmail(Record, Base):
    """A further e-mail address of a contact."""

    __tablename__ = "contact_email"
    policy = DETAIL
    title_field = "address"

    contact_id: Mapped[int] = f.ref("contact", required=True, label="Contact")
    address: Mapped[str] = f.email(required=True, label="E-mail", personal=True)
    label: Mapped[str] = f.choice(LABELS, default="other", label="Label")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("ix_contact_email_contact", "workspace_id", "contact_id"),
            sa.Index("uq_contact_email_address", "workspace_id", "address", unique=True, **alive()),
        )


class ContactPhone(Record, Base):
    """A further phone number of a contact."""

    __tablename__ = "contact_phone"
    policy = DETAIL
    title_field = "number"

    contact_id: Mapped[int] = f.ref("contact", required=True, label="Contact")
    number: Mapped[str] = f.phone(required=True, label="Phone", personal=True)
    label: Mapped[str] = f.choice(LABELS, default="other", label="Label")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("ix_contact_phone_contact", "workspace_id", "contact_id"),
            sa.Index("ix_contact_phone_number", "workspace_id", "number", **alive()),
        )


class ContactAddress(Record, Base):
    """A postal address of a contact, in the parts of a vCard's ADR (RFC 6350, 6.3.1)."""

    __tablename__ = "contact_address"
    policy = DETAIL
    title_field = "street"

    contact_id: Mapped[int] = f.ref("contact", required=True, label="Contact")
    street: Mapped[str] = f.text(300, required=True, label="Street", personal=True)
    city: Mapped[str | None] = f.text(120, label="City", personal=True)
    state: Mapped[str | None] = f.text(120, label="State or region", personal=True)
    postal_code: Mapped[str | None] = f.text(20, label="Postal code", personal=True)
    country: Mapped[str | None] = f.text(80, label="Country", personal=True)
    label: Mapped[str] = f.choice(LABELS, default="home", label="Label")

    @classmethod
    def in_words(cls, of: Any = None) -> Any:
        """The address in one line; `of` are the columns of the table, to be spoken of instead of the model."""
        c = cls if of is None else of

        def then(before: str, part: Any) -> Any:
            return sa.func.coalesce(sa.literal(before) + sa.func.nullif(part, ""), "")

        town = then(", ", c.city) + then(", ", c.state) + then(" ", c.postal_code)
        return c.street + town + then(", ", c.country)

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("ix_contact_address_contact", "workspace_id", "contact_id"),)


class Tag(Record, Base):
    """A word to group contacts by."""

    __tablename__ = "tag"
    policy = Policy(Category.CRM_RECORD)

    name: Mapped[str] = f.text(60, required=True, label="Name")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (sa.Index("uq_tag_name", "workspace_id", "name", unique=True, **alive()),)


class ContactTag(Record, Base):
    """A tag on a contact."""

    __tablename__ = "contact_tag"
    policy = Policy(
        Category.CONTACT, subject="contact_id", kind=SubjectKind.CLIENT, erase=Erase.DELETE, parent="contact"
    )
    title_field = "source"

    contact_id: Mapped[int] = f.ref("contact", required=True, label="Contact")
    tag_id: Mapped[int] = f.ref("tag", required=True, label="Tag")

    @classmethod
    def indexes(cls) -> tuple[Any, ...]:
        return (
            sa.Index("uq_contact_tag", "workspace_id", "contact_id", "tag_id", unique=True, **alive()),
            sa.Index("ix_contact_tag_tag", "workspace_id", "tag_id", "contact_id", **alive()),
        )

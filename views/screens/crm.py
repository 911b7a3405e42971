"""The screens of the first entities. One entry per entity; the order is the order of the menu."""

from __future__ import annotations

from app.services import booking_verbs, campaigns, contacts, deals, webhooks  # noqa: F401  their rules and verbs
from app.services.inbound import waiting  # noqa: F401  its verbs
from models.booking import Booking, BookingHost, BookingPage, WorkingHours
from models.campaign import Campaign
from models.contact import Contact, ContactAddress, ContactEmail, ContactPhone, ContactTag, Tag
from models.custom import CustomField
from models.deal import Deal, Pipeline, Stage
from models.inbound import InboundMail
from models.message import Message, Suppression, Template
from models.stored_file import StoredFile
from models.webhook import Webhook
from models.work import Activity, Note, Task
from models.workspace import Membership, Team
from views.screen import screen

screen(
    Contact,
    icon="users",
    group="Records",
    quick=True,
    avatars=True,
    searchable=True,
    columns=("name", "type", "stage", "next_step", "budget_max", "phone", "owner_id", "last_activity"),
    form=(
        ("Person", "name", "goes_by", "company", "job_title", "birthday", "owner_id", "team_id"),
        ("Reach", "email", "phone", "website", "+contact_email", "+contact_phone", "+contact_address"),
        ("Pipeline", "type", "stage", "next_step", "budget_min", "budget_max", "tags"),
        ("About", "about"),
        ("Consent", "lawful_basis", "minor", "minor_authority"),
    ),
    search=("name", "email", "phone", "company"),
    sort="-last_activity",
    badge="stage",
    subtitle=("type", "company", "next_step"),
    sub="email",
    related=(
        "contact_email",
        "contact_phone",
        "contact_address",
        "deal",
        "task",
        "stored_file",
        "message",
        "inbound_mail",
        "booking",
        "activity",
        "note",
    ),
    hint="People and companies you work with. Import your address book or add the first one.",
)
screen(
    Deal,
    icon="briefcase",
    group="Records",
    quick=True,
    searchable=True,
    columns=("title", "contact_id", "stage_id", "side", "price", "expected_close", "owner_id", "last_activity"),
    form=(
        ("Deal", "title", "contact_id", "side", "stage_id", "price", "property_address"),
        ("Dates", "expected_close", "closed_on"),
        ("People", "owner_id", "team_id"),
    ),
    search=("title", "property_address"),
    sort="-last_activity",
    subtitle=("side", "property_address"),
    badge="stage_id",
    related=("task", "note", "activity", "stored_file"),
    hint="Sales, purchases and leases in progress.",
)
screen(
    Task, icon="checklist", group="Records", searchable=True,
    columns=("title", "state", "priority", "due_at", "contact_id", "deal_id", "owner_id"),
    form=(("Task", "title", "due_at", "priority", "state", "contact_id", "deal_id", "owner_id", "details"),),
    sort="-id", badge="state", hint="What is to be done, by whom, by when.",
    views=(
        ("To do", "f=state:is:open&sort=due_at"), ("Done", "f=state:is:done&sort=-due_at"), ("All", ""),
    ),
)  # fmt: skip
screen(
    Booking,
    icon="calendar-event",
    group="Records",
    searchable=True,
    columns=("title", "state", "starts_at", "contact_id", "booking_page_id", "owner_id"),
    form=(("Booking", "place", "message"),),
    facts=("starts_at", "ends_at", "contact_id", "email", "booking_page_id", "zone", "reason"),
    sort="starts_at",
    badge="state",
    subtitle=("starts_at",),
    views=(
        ("Ahead", "f=starts_at:after:today&f=state:any:asked,booked&sort=starts_at"),
        ("To confirm", "f=state:is:asked&sort=starts_at"),
        ("All", "sort=-starts_at"),
    ),
    adds=False,
    edits=False,
    hint="What the public booked on your booking pages.",
)
screen(
    Activity,
    label="Activities",
    searchable=True,
    icon="activity",
    group="Records",
    columns=("title", "kind", "happened_at", "minutes", "contact_id", "deal_id", "owner_id"),
    form=(("Activity", "title", "kind", "happened_at", "minutes", "contact_id", "deal_id", "owner_id", "details"),),
    sort="-happened_at",
    badge="kind",
    hint="Calls, viewings, meetings and inquiries.",
)
screen(
    Note, icon="note", group="Records", searchable=True,
    columns=("body", "contact_id", "deal_id", "owner_id", "created_at"),
    form=(("Note", "body", "contact_id", "deal_id", "pinned"),), hint="Free text about people and deals.",
)  # fmt: skip
screen(
    StoredFile,
    label="Files",
    singular="file",
    searchable=True,
    icon="paperclip",
    group="Records",
    columns=("name", "mime", "size", "contact_id", "deal_id", "created_at"),
    form=(("File", "name", "contact_id", "deal_id"),),
    facts=("mime", "size"),
    adds=False,
    hint="Files are added on the page of a contact or a deal.",
)
screen(
    Message,
    icon="mail",
    group="Outreach",
    searchable=True,
    columns=("subject", "recipient", "state", "kind", "contact_id", "created_at"),
    form=(("E-mail", "subject", "body"),),
    facts=("recipient", "contact_id", "kind", "sent_at", "drafted_by", "answer"),
    search=("subject", "recipient"),
    badge="state",
    adds=False,
    edits=False,
    subtitle=("recipient",),
    hint="E-mails written from a contact stand here with their fate.",
)
screen(
    Campaign,
    icon="speakerphone",
    group="Outreach",
    searchable=True,
    columns=("name", "state", "audience_name", "send_at", "owner_id", "updated_at"),
    form=(
        ("Campaign", "name", "subject", "preheader", "sender", "owner_id", "team_id"),
        ("When", "send_at", "zoned", "per_hour"),
        ("Two subjects", "other_subject", "test_share", "test_hours", "decided_by"),
    ),
    facts=("audience_name", "started_at", "ended_at", "starter_id", "winner", "remark"),
    search=("name", "subject"),
    badge="state",
    subtitle=("subject",),
    hint="One e-mail to many: write it, choose a view of contacts, and follow every single e-mail.",
)
screen(
    InboundMail,
    label="Incoming mail",
    singular="incoming mail",
    slug="incoming-mail",
    icon="inbox",
    group="Outreach",
    columns=("subject", "sender", "kind", "state", "contact_id", "received_at"),
    form=(("Incoming mail", "owner_id", "team_id"),),
    facts=("sender", "kind", "received_at", "contact_id", "message_id", "about", "status_code", "reason", "body"),
    search=("subject", "sender"),
    sort="-received_at",
    badge="state",
    subtitle=("sender",),
    views=(("Waiting", "f=state:is:waiting"), ("All", "")),
    adds=False,
    edits=False,
    hint="Answers, bounces and complaints. What nobody could place waits here until somebody files it.",
)
screen(
    Template,
    icon="template",
    searchable=True,
    group="Outreach",
    columns=("name", "subject", "kind", "updated_at"),
    form=(("Template", "name", "kind", "subject", "body"),),
    search=("name", "subject"),
    hint="Texts to start an e-mail from.",
)
screen(
    Suppression, icon="shield", group="Outreach", columns=("address", "reason", "scope", "created_at"),
    form=(("Suppression", "address", "reason", "scope", "remark"),), hint="Addresses that nothing is sent to, and why.",
)  # fmt: skip
screen(
    Tag, icon="tag", group="Setup", searchable=True, columns=("name", "created_at"), related=("contact",), sort="name",
    hint="Words to group contacts by.",
)  # fmt: skip
screen(
    Pipeline,
    icon="git-branch",
    searchable=True,
    group="Setup",
    columns=("name", "created_at"),
    related=("stage",),
    sort="name",
    hint="The ways deals go.",
)
screen(
    Stage,
    icon="list-details",
    group="Setup",
    columns=("name", "pipeline_id", "position", "probability", "outcome"),
    form=(("Stage", "name", "pipeline_id", "position", "probability", "outcome"),),
    sort="position",
    badge="outcome",
    sub="pipeline_id",
    within="pipeline_id",
    hint="The steps of a pipeline.",
)
screen(
    BookingPage,
    icon="calendar",
    searchable=True,
    group="Setup",
    columns=("name", "address", "open", "minutes", "strategy", "updated_at"),
    form=(
        ("Appointment", "name", "address", "open", "about", "minutes", "place", "place_details"),
        ("Hosts", "strategy", "hosts"),
        ("Times", "step", "before", "after", "notice", "horizon", "per_day"),
        ("Afterwards", "approval", "late", "remind"),
    ),
    related=("booking",),
    sort="name",
    hint="Kinds of appointments that people can book with you on a page of their own.",
)
screen(
    WorkingHours,
    label="Working hours",
    singular="working hours",
    icon="clock",
    group="Setup",
    columns=("name", "owner_id", "weekday", "day", "begins", "ends", "closed"),
    form=(("Hours", "name", "owner_id", "weekday", "day", "begins", "ends", "closed"),),
    hint="When each of you can be booked: weekdays, and dates that differ.",
)
screen(
    Team,
    icon="building",
    searchable=True,
    group="Setup",
    columns=("name", "phone", "address"),
    form=(("Team", "name", "phone", "address"),),
    related=("membership", "contact"),
    sort="name",
    hint="Offices and groups.",
)
screen(
    Webhook,
    icon="plug",
    searchable=True,
    group="Setup",
    columns=("name", "url", "state", "membership_id", "failing_since"),
    form=(("Webhook", "name", "url", "events"),),
    search=("name", "url"),
    sort="name",
    badge="state",
    subtitle=("url",),
    hint="Addresses of your other programs that are told when records change.",
)
screen(
    Membership,
    label="People",
    singular="person",
    slug="people",
    searchable=True,
    icon="users-group",
    columns=("name", "email", "team_id", "job_title", "active"),
    avatars=True,
    form=(("Person", "name", "phone", "job_title", "license", "team_id"),),
    search=("name", "email"),
    sort="name",
    adds=False,
    deletes=False,
    sub="email",
)
screen(
    ContactEmail,
    label="E-mail addresses",
    singular="e-mail address",
    slug="contact-emails",
    icon="at",
    columns=("address", "label", "contact_id"),
)
screen(
    ContactPhone,
    label="Phone numbers",
    singular="phone number",
    slug="contact-phones",
    icon="phone",
    columns=("number", "label", "contact_id"),
)
screen(
    ContactAddress,
    label="Addresses",
    singular="address",
    slug="contact-addresses",
    icon="map-pin",
    columns=("street", "city", "state", "postal_code", "label", "contact_id"),
)
screen(
    ContactTag,
    label="Tags of contacts",
    singular="tag of a contact",
    slug="contact-tags",
    icon="tag",
    columns=("source", "contact_id", "tag_id"),
    edits=False,
)
screen(
    BookingHost,
    label="Booking hosts",
    singular="booking host",
    slug="booking-hosts",
    icon="user",
    columns=("source", "booking_page_id", "membership_id", "weight"),
)
screen(
    CustomField,
    label="Fields of your own",
    singular="field",
    slug="custom-fields",
    icon="adjustments",
    columns=("label", "entity", "kind", "section", "required", "updated_at"),
    form=(
        ("Field", "label", "hint", "section", "position", "required", "searchable"),
        ("Privacy", "personal", "category", "purpose", "keep"),
    ),
    search=("label",),
    sort="label",
    adds=False,
    hint="Fields are added under Customise.",
)

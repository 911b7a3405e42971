"""How a workspace sends: its own mail server with a test, its domains with their keys, and the way of one e-mail.

Does not belong here: writing and queueing e-mails (`app.services.messages`), the talk with servers
(`app.adapters.mail`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Invalid, NotFound
from app.services import dkim_keys, outbound_address
from app.services.operation import operation
from models import normal
from models.base import session
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.sending import SECURITIES, MailServer, SendingDomain
from models.words import _
from models.workspace import Membership

TEST_JOB = "mail.test_server"
CHECK_JOB = "mail.check_domain"
PORTS = (25, 465, 587, 2525)
MOST_DOMAINS = 20
_SCHEMES = {"starttls": "smtp+starttls", "tls": "smtps", "none": "smtp"}
_LABELS = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_servers: set[str] = set()
_operators_sender: list[str] = []


@dataclass(frozen=True, slots=True)
class Way:
    """How one e-mail leaves. `url` is None for the operator's server; `key` is (domain, selector, PEM)."""

    sender: str | None = None
    url: str | None = field(default=None, repr=False)
    key: tuple[str, str, str] | None = field(default=None, repr=False)


def allow_servers(servers: Collection[str], sender: str = "") -> None:
    """The servers ("host:port") of the operator's own that workspaces may name, also inside its network, and the
    operator's own sender; called once by the app factory. Such a server may take any sender from us, so that these are
    checked here: the operator's, or one at a domain that the workspace has proved."""
    _servers.clear()
    _servers.update(servers)
    _operators_sender[:] = [sender.lower()]


def servers() -> frozenset[str]:
    return frozenset(_servers)


def way(writer: str | None) -> Way:
    """The way of an e-mail of a person with the address `writer`: as that address where its domain is verified, else
    as the sender of the workspace's server, else as the operator."""
    server = session.scalars(sa.select(MailServer)).one_or_none()
    wanted = [one for one in (writer, server.sender if server else None) if one]
    names = [one.rpartition("@")[2].lower() for one in wanted]
    known = sa.select(SendingDomain).where(SendingDomain.name.in_(names), SendingDomain.verified_at.is_not(None))
    verified = {one.name: one for one in session.scalars(known)} if names else {}
    url = address_of(server) if server else None
    for sender, name in zip(wanted, names, strict=True):
        if name in verified:
            domain = verified[name]
            return Way(sender, url, (domain.name, domain.selector, domain.private_key))
    return Way(server.sender if server and _may_send_as(server) else None, url)


def _may_send_as(server: MailServer) -> bool:
    """Whether an unproved sender may stand on e-mails over a server: on one of the brokerage's own, which knows its
    people; not on one of the operator's."""
    return not _is_operators(server.host, server.port) or server.sender.lower() in _operators_sender


def _is_operators(host: str, port: int | str) -> bool:
    return f"{host}:{port}" in _servers


def address_of(server: MailServer) -> str:
    """The address that `app.adapters.mail` dials, with the password in it: never logged, never kept."""
    login = f"{quote(server.username, safe='')}:{quote(server.password or '', safe='')}@" if server.username else ""
    return f"{_SCHEMES[server.security]}://{login}{server.host}:{server.port}"


# The server


def server(*, actor: Actor) -> MailServer | None:
    permissions.require(actor, "read", "workspace")
    return session.scalars(sa.select(MailServer)).one_or_none()


def save_server(given: Mapping[str, str], *, version: int, actor: Actor) -> None:
    """Set the server. `given`: host, port, security, username, password ("" keeps the one there is, unless it is to go
    to another place), sender. Raises `Invalid` by field, `Conflict`."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.server_saved", actor=actor) as op:
        found = session.scalars(sa.select(MailServer).with_for_update()).one_or_none() or MailServer(version=0)
        if found.version != version:
            raise Conflict(
                _(
                    "Somebody else saved these settings meanwhile. Nothing of yours is saved yet: check it and "
                    "save again."
                ),
                version=found.version,
            )
        host, port = given["host"].strip().lower(), given["port"].strip()
        moved = (found.host, str(found.port), found.username, found.security) != (
            host, port, given["username"], given["security"],
        )  # fmt: skip
        wrong = _wrong_server(host, port, given, kept=bool(found.password) and not moved)
        if wrong:
            raise Invalid(wrong)
        if given["password"] or moved:
            # A password never goes to another place than the one it was typed for.
            found.password = given["password"] or None
        found.host, found.port, found.security = host, int(port), given["security"]
        found.username, found.sender = given["username"], normal.email(given["sender"])
        found.tested_at = found.tested_ok = found.tested_note = found.test_job_id = None
        found.version += 1
        session.add(found)
        session.flush()
        facts = {"server": f"{host}:{port}", "sender": found.sender, "new_password": bool(given["password"])}
        op.audit("mail.server_saved", entity="mail_server", record_id=found.id, facts=facts)


def remove_server(*, actor: Actor) -> None:
    """Send over the operator's server again; the password is deleted."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.server_removed", actor=actor) as op:
        found = _server()
        op.audit("mail.server_removed", entity="mail_server", record_id=found.id, facts={"server": found.host})
        session.delete(found)


def ask_test(*, actor: Actor) -> Job:
    """Promise a test: one e-mail to the one who asks, over this server."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.test", actor=actor) as op:
        found = _server()
        member = session.get(Membership, actor.membership_id) if actor.membership_id else None
        to = member.email if member else found.sender
        job = op.promise(
            TEST_JOB, {"to": to}, purpose=Purpose.SEND_REQUESTED, queue="mail", max_attempts=1,
            label=_("Test of the mail server"),
        )  # fmt: skip
        session.flush()
        found.test_job_id, found.tested_at, found.tested_ok, found.tested_note = job.id, None, None, None
        op.audit("mail.server_tested", entity="mail_server", record_id=found.id)
    return job


def to_test() -> tuple[str, str]:
    """(address, sender) of the server under test. Raises `NotFound` when it was removed meanwhile."""
    found = _server()
    return address_of(found), found.sender


def give_up_test(_args: Mapping[str, Any], _state: str, reason: str) -> None:
    """The job of a test ended without an answer."""
    note_test(False, reason)


def give_up_check(args: Mapping[str, Any], _state: str, reason: str) -> None:
    """The job of a look into the DNS ended without an answer."""
    note_check(int(args["domain_id"]), None, reason)


def note_test(ok: bool, note: str) -> None:
    """What came of a test; part of the operation that is open."""
    found = session.scalars(sa.select(MailServer)).one_or_none()
    if found is not None:
        found.tested_at, found.tested_ok, found.tested_note = now(), ok, note[:300]


def _server() -> MailServer:
    found = session.scalars(sa.select(MailServer)).one_or_none()
    if found is None:
        raise NotFound()
    return found


_HOST = re.compile(r"[a-z0-9._-]+|\[?[0-9a-f:]+\]?")


def _wrong_server(host: str, port: str, given: Mapping[str, str], *, kept: bool) -> dict[str, str]:
    wrong = {}
    own = _is_operators(host, port)
    if not _HOST.fullmatch(host):
        wrong["host"] = _("Type the name of a mail server on the internet, such as smtp.example.com.")
    if not port.isascii() or not port.isdigit() or not (own or int(port) in PORTS):
        wrong["port"] = _("Type one of {ports}; providers mostly use 587.", ports=", ".join(map(str, PORTS)))
    else:
        try:
            outbound_address.read(f"https://{host}:{port}/" if own else f"https://{host}/", servers=_servers)
        except ValueError:
            wrong["host"] = _("Type the name of a mail server on the internet, such as smtp.example.com.")
    if given["security"] not in dict(SECURITIES) or (given["security"] == "none" and not own):
        wrong["security"] = _("Choose STARTTLS or TLS: without it, passwords and e-mails could be read on their way.")
    if any(
        not one.isprintable() or not one.isascii() or len(one) > 300 for one in (given["username"], given["password"])
    ):
        wrong["username"] = _("Type at most 300 plain characters.")
    if given["username"] and not (given["password"] or kept):
        wrong["password"] = _("Type the password of this user.")
    try:
        sender = normal.email(given["sender"])
    except ValueError as error:
        return wrong | {"sender": str(error)}
    if own and sender.lower() not in _operators_sender and not _is_proved(sender):
        wrong["sender"] = _("Prove the domain of this address below first: this server sends for several brokerages.")
    return wrong


def _is_proved(address: str) -> bool:
    """Whether an address is at a domain that this workspace has proved."""
    name = address.rpartition("@")[2].lower()
    known = sa.select(SendingDomain.id).where(SendingDomain.name == name, SendingDomain.verified_at.is_not(None))
    return session.scalar(known) is not None


# Domains


def domains(*, actor: Actor) -> list[SendingDomain]:
    permissions.require(actor, "read", "workspace")
    return list(session.scalars(sa.select(SendingDomain).order_by(SendingDomain.name)))


def domain(key: int, *, actor: Actor) -> SendingDomain:
    permissions.require(actor, "read", "workspace")
    found = session.scalars(sa.select(SendingDomain).where(SendingDomain.id == key)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def add_domain(text: str, *, actor: Actor) -> SendingDomain:
    """Add a domain with its new key and the record that is to be published. Raises `Invalid`."""
    permissions.require(actor, "write", "workspace")
    name = _domain_name(text)
    pem, record = dkim_keys.new_pair()
    with operation("mail.domain_added", actor=actor) as op:
        there = [one.name for one in domains(actor=actor)]
        if name in there:
            raise Invalid({"domain": _("This domain is in the list already.")})
        if len(there) >= MOST_DOMAINS:
            raise Invalid({"domain": _("At most {most} domains fit. Remove one first.", most=MOST_DOMAINS)})
        found = SendingDomain(name=name, selector=f"crm{secrets.token_hex(4)}", private_key=pem, record=record)
        session.add(found)
        session.flush()
        op.audit("mail.domain_added", entity="sending_domain", record_id=found.id, facts={"domain": name})
    return found


def remove_domain(key: int, *, actor: Actor) -> None:
    permissions.require(actor, "write", "workspace")
    with operation("mail.domain_removed", actor=actor) as op:
        found = domain(key, actor=actor)
        op.audit("mail.domain_removed", entity="sending_domain", record_id=found.id, facts={"domain": found.name})
        session.delete(found)


def ask_check(key: int, *, actor: Actor) -> Job:
    """Promise a look into the DNS for the record of a domain."""
    permissions.require(actor, "write", "workspace")
    with operation("mail.domain_check", actor=actor) as op:
        found = domain(key, actor=actor)
        job = op.promise(
            CHECK_JOB, {"domain_id": key}, purpose=Purpose.SEND_REQUESTED, queue="mail", max_attempts=1,
            label=_("DNS of {domain}", domain=found.name),
        )  # fmt: skip
        session.flush()
        found.check_job_id, found.checked_at, found.problem = job.id, None, None
        op.audit("mail.domain_check", entity="sending_domain", record_id=key, facts={"domain": found.name})
    return job


def note_check(key: int, published: Collection[str] | None, trouble: str = "", *, patient: bool = False) -> bool:
    """What the DNS said (None: nothing, because of `trouble`, which changes no state); part of the open operation. A
    `patient` look takes the proof back only where the one before it missed the record, too. Returns whether it was
    taken back now."""
    found = session.scalars(sa.select(SendingDomain).where(SendingDomain.id == key)).one_or_none()
    if found is None:
        return False
    found.checked_at, proved = now(), found.verified_at is not None
    if published is None:
        # The first miss that a patient look noted stays noted.
        found.problem = found.problem if patient else trouble[:300]
    elif any(dkim_keys.public_part(one) == dkim_keys.public_part(found.record) for one in published):
        found.verified_at, found.problem = found.verified_at or now(), None
    else:
        again = not patient or found.problem is not None
        found.verified_at = None if again else found.verified_at
        found.problem = (
            _("There is a record of this name, but it holds another key. Copy the value below once more.")
            if published
            else _("There is no record of this name yet. New records can take an hour to be seen.")
        )
    return proved and found.verified_at is None


def _domain_name(text: str) -> str:
    name = text.strip().lower().removesuffix(".").rpartition("@")[2]
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not _LABELS.fullmatch(name):
        raise Invalid({"domain": _("Type a domain such as example.com: what stands behind the @ of your addresses.")})
    return name

"""Sending domains are looked at again by the clock, as a record that is gone proves nothing any more.

Does not belong here: the first proof and what it allows (`app.services.sending`).
"""

from __future__ import annotations

import sqlalchemy as sa

from app.services import messages
from app.services.operation import operation
from models import scope
from models.base import session
from models.fields import now
from models.policy import Purpose
from models.sending import SendingDomain
from models.user import Role
from models.words import _
from models.workspace import Membership, Workspace

JOB = "mail.recheck_domain"
_WHO = scope.system("Sending domains")


def recheck() -> int:
    """Promise a look at every domain that signs, in all workspaces: once a day. Returns how many."""
    with scope.across_workspaces("which domains sign"):
        rows = session.execute(
            sa.select(SendingDomain.workspace_id, SendingDomain.id, SendingDomain.name)
            .join(Workspace, Workspace.id == SendingDomain.workspace_id)
            .where(SendingDomain.verified_at.is_not(None), Workspace.status == "active")
        ).all()
    for workspace, key, name in rows:
        with scope.inside(workspace), operation("mail.domain_recheck", actor=_WHO) as op:
            op.promise(
                JOB, {"domain_id": key}, purpose=Purpose.SEND_REQUESTED, queue="mail",
                label=_("DNS of {domain}", domain=name), dedupe=f"domain:{key}:{now():%Y-%m-%d}",
            )  # fmt: skip
    return len(rows)


def tell_owners(domain: SendingDomain) -> None:
    """An e-mail to each owner that a domain no longer signs."""
    owners = sa.select(Membership.email).join(Role, Role.id == Membership.role_id)
    for address in session.scalars(owners.where(Role.key == "owner", Membership.active)).all():
        messages.write(
            None,
            _("E-mails from {domain} are no longer signed", domain=domain.name),
            _(
                "The record that proves {domain} was not found in its DNS on two days running. E-mails of your people "
                "there leave under the sender of your mail server until it is published again: see Settings, E-mail.",
                domain=domain.name,
            ),
            actor=_WHO, cause="system", cause_id=f"domain:{domain.id}", occasion=f"{now():%Y-%m-%d}", recipient=address,
        )  # fmt: skip

"""Providers of AI as an admin sets them up: where they are, their sealed key, the terms that were accepted, which
feature uses which, and the switch for the whole workspace.

Off until an admin switches it on. Without a provider the built-in writer serves every feature, offline. Does not belong
here: the ledger and the limits (`app.services.ai_ledger`), calling (`app.adapters.ai`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from app import permissions
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.services import ai_features, outbound_address
from app.services.operation import Operation, operation
from models import scope
from models.ai import KINDS, AiProvider, AiSetting
from models.base import session
from models.fields import now
from models.job import Job
from models.policy import Purpose
from models.scope import Actor
from models.words import N_, _
from models.workspace import Workspace

BUILT_IN, OFF = 0, -1
BUILT_IN_NAME = "Built-in template, no AI provider"
BUILT_IN_MODEL = "templates 2"
TEST_JOB = "ai.test"
JOBS = (TEST_JOB, "ai.draft")
DEFAULT_URLS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
TERMS = {
    "openai": "https://openai.com/policies/services-agreement/",
    "anthropic": "https://www.anthropic.com/legal/commercial-terms",
}
_SWITCHED_OFF = N_("AI drafting is switched off for this workspace. An admin can switch it on in the settings.")
_servers: set[str] = set()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The provider of one call, as the adapter needs it. Prices are US cents per million tokens."""

    provider_id: int
    name: str
    kind: str
    model: str
    base_url: str = ""
    key: str | None = field(default=None, repr=False)
    price_in: int = 0
    price_out: int = 0

    @property
    def external(self) -> bool:
        return self.provider_id != BUILT_IN


def allow_servers(servers: Collection[str]) -> None:
    """The servers ("host:port") of the operator's own that may be providers; called once by the app factory."""
    _servers.clear()
    _servers.update(servers)


def servers() -> frozenset[str]:
    return frozenset(_servers)


def is_on() -> bool:
    workspace = session.get(Workspace, scope.workspace_id(), populate_existing=True)
    return workspace is not None and workspace.ai_enabled


def require_on() -> None:
    if not is_on():
        raise Forbidden("write", "ai", str(_SWITCHED_OFF))


def switch(on: bool, *, actor: Actor) -> None:
    """Switch AI on or off for the workspace. Off, nothing more is asked, what waits is refused at once, and what is
    being answered is dropped."""
    permissions.require(actor, "write", "workspace")
    with operation("ai.switch", actor=actor) as op:
        workspace = session.scalars(
            sa.select(Workspace).where(Workspace.id == scope.workspace_id()).with_for_update()
        ).one()
        if workspace.ai_enabled == on:
            return
        workspace.ai_enabled = on
        workspace.version += 1
        if not on:
            _hurry(op)


def settings() -> AiSetting:
    """The limits and choices of the workspace; those it starts with where nobody has changed any."""
    found = session.scalars(sa.select(AiSetting)).one_or_none()
    return found or AiSetting(budget_cents=2000, calls_per_minute=20, choices={}, version=0)


def change_settings(
    budget_cents: int, calls_per_minute: int, choices: Mapping[str, int], *, version: int, actor: Actor
) -> None:
    """Set limits and which provider each feature uses. Raises `Invalid`, `Conflict`."""
    permissions.require(actor, "write", "workspace")
    wrong = _wrong_settings(budget_cents, calls_per_minute, choices)
    if wrong:
        raise Invalid(wrong)
    with operation("ai.settings", actor=actor) as op:
        found = session.scalars(sa.select(AiSetting).with_for_update()).one_or_none()
        if found is None:
            found = AiSetting(budget_cents=2000, calls_per_minute=20, choices={}, version=0)
            session.add(found)
        if found.version != version:
            raise Conflict(
                _(
                    "Somebody else saved these settings meanwhile. Nothing of yours is saved yet: check it and "
                    "save again."
                ),
                version=found.version,
            )
        found.budget_cents, found.calls_per_minute = budget_cents, calls_per_minute
        found.choices = {key: value for key, value in choices.items() if value != BUILT_IN}
        found.version += 1
        facts = {"budget_cents": budget_cents, "calls_per_minute": calls_per_minute, "choices": dict(found.choices)}
        op.audit("ai.settings", entity="workspace", record_id=scope.workspace_id(), facts=facts)


def chosen(feature_key: str) -> Chosen:
    """The provider that a feature uses now. Raises `Forbidden` where it is off or its provider is not ready."""
    choice = settings().choices.get(feature_key, BUILT_IN)
    if choice == OFF:
        raise Forbidden("write", "ai", _("This kind of draft is switched off for your workspace."))
    return Chosen(BUILT_IN, BUILT_IN_NAME, "built-in", BUILT_IN_MODEL) if choice == BUILT_IN else of(choice)


def of(provider_id: int) -> Chosen:
    """One provider, ready for a call. Raises `Forbidden` without accepted terms, or where it is gone."""
    found = session.scalars(sa.select(AiProvider).where(AiProvider.id == provider_id)).one_or_none()
    if found is None:
        raise Forbidden(
            "write", "ai", _("The AI provider of this kind of draft was removed. An admin can choose another.")
        )
    if not found.accepted:
        raise Forbidden(
            "write",
            "ai",
            _("The terms of {name} were not accepted yet. An admin can do so in the settings.", name=found.name),
        )
    return Chosen(
        found.id, found.name, found.kind, found.model, found.base_url, found.key, found.price_in, found.price_out
    )


def every(*, actor: Actor) -> list[AiProvider]:
    permissions.require(actor, "read", "workspace")
    return list(session.scalars(sa.select(AiProvider).order_by(AiProvider.name, AiProvider.id)))


def get(key: int, *, actor: Actor) -> AiProvider:
    permissions.require(actor, "read", "workspace")
    found = session.scalars(sa.select(AiProvider).where(AiProvider.id == key)).one_or_none()
    if found is None:
        raise NotFound()
    return found


def save(key: int | None, given: Mapping[str, Any], *, accept: bool, actor: Actor) -> AiProvider:
    """Add or change a provider. `given`: name, kind, base_url, model, key ("" keeps the one there is), price_in,
    price_out, terms_url, terms_version. Other terms, or another place, have to be accepted anew; without acceptance
    nothing is saved. Raises `Invalid` by field.
    """
    permissions.require(actor, "write", "workspace")
    with operation("ai.provider", actor=actor) as op:
        found = get(key, actor=actor) if key is not None else AiProvider(version=0)
        before = (found.base_url, found.kind, found.accepted_version)
        moved = key is not None and before[:2] != (given["base_url"].rstrip("/"), given["kind"])
        wrong = _wrong(found, given, moved=moved, accept=accept)
        if wrong:
            raise Invalid(wrong)
        for name in ("name", "kind", "model", "price_in", "price_out", "terms_url", "terms_version"):
            setattr(found, name, given[name])
        found.base_url = given["base_url"].rstrip("/")
        if given.get("key") or moved:
            # A key never goes to another place than the one it was typed for.
            found.key = given.get("key") or None
        if accept:
            found.accepted_version, found.accepted_by, found.accepted_at = given["terms_version"], actor.label, now()
        found.tested_at = found.tested_ok = found.tested_note = found.test_job_id = None
        found.version += 1
        session.add(found)
        session.flush()
        facts = {"provider": found.name, "kind": found.kind, "model": found.model, "address": found.base_url}
        terms = {"terms": found.accepted_version, "new_key": bool(given.get("key"))}
        op.audit("ai.provider_saved", entity="ai_provider", record_id=found.id, facts=facts | terms)
    return found


def remove(key: int, *, actor: Actor) -> None:
    """Remove a provider with its key; features that used it use the built-in writer again."""
    permissions.require(actor, "write", "workspace")
    with operation("ai.provider_removed", actor=actor) as op:
        found = get(key, actor=actor)
        setting = session.scalars(sa.select(AiSetting).with_for_update()).one_or_none()
        if setting is not None and key in setting.choices.values():
            setting.choices = {name: value for name, value in setting.choices.items() if value != key}
            setting.version += 1
        op.audit("ai.provider_removed", entity="ai_provider", record_id=found.id, facts={"provider": found.name})
        session.delete(found)


def ask_test(key: int, *, actor: Actor) -> Job:
    """Promise a test: one short call that holds nothing of anybody."""
    permissions.require(actor, "write", "workspace")
    require_on()
    with operation("ai.test", actor=actor) as op:
        found = get(key, actor=actor)
        of(key)
        job = op.promise(
            TEST_JOB, {"provider_id": key}, purpose=Purpose.SEND_REQUESTED, max_attempts=1,
            label=_("Test of {name}", name=found.name),
        )  # fmt: skip
        session.flush()
        found.test_job_id, found.tested_at, found.tested_ok, found.tested_note = job.id, None, None, None
        op.audit("ai.test", entity="ai_provider", record_id=found.id)
    return job


def note_test(key: int, ok: bool, note: str) -> None:
    """What came of a test; part of the operation that is open."""
    found = session.scalars(sa.select(AiProvider).where(AiProvider.id == key)).one_or_none()
    if found is not None:
        found.tested_at, found.tested_ok, found.tested_note = now(), ok, note[:300]


def give_up_test(args: Mapping[str, Any], _state: str, reason: str) -> None:
    """The job of a test ended without an answer: its provider must not look as if it were still being tested."""
    note_test(int(args["provider_id"]), False, reason)


def _hurry(op: Operation) -> None:
    """What waits is due now, to be refused now and not when its time would have come."""
    waiting = sa.select(Job).where(Job.name.in_(JOBS), Job.state == "waiting").with_for_update()
    for job in session.scalars(waiting):
        job.run_at = op.at
        op.queues.add(job.queue)


def _wrong_settings(budget_cents: int, per_minute: int, choices: Mapping[str, int]) -> dict[str, str]:
    wrong = {}
    if not 0 <= budget_cents <= 100_000_000:
        wrong["budget"] = _("Type an amount from 0 to 1,000,000.")
    if not 1 <= per_minute <= 1000:
        wrong["calls_per_minute"] = _("Type a whole number from 1 to 1,000.")
    known = {one.id: one for one in session.scalars(sa.select(AiProvider))}
    for key, choice in choices.items():
        if key not in ai_features.features():
            wrong[f"choice_{key}"] = _("There is no such kind of draft.")
        elif choice > 0 and choice not in known:
            wrong[f"choice_{key}"] = _("Choose one of the list.")
        elif choice > 0 and not known[choice].accepted:
            wrong[f"choice_{key}"] = _("The terms of {name} were not accepted yet.", name=known[choice].name)
    return wrong


def _wrong(found: AiProvider, given: Mapping[str, Any], *, moved: bool, accept: bool) -> dict[str, str]:
    wrong = {}
    for name, label in (("name", _("Name")), ("model", _("Model")), ("terms_version", _("Version of the terms"))):
        if not given[name]:
            wrong[name] = _("{label} is needed.", label=label)
        elif len(given[name]) > 80 or not given[name].isprintable():
            wrong[name] = _("Type at most 80 plain characters.")
    if given["kind"] not in dict(KINDS):
        wrong["kind"] = _("Choose one of the list.")
    try:
        outbound_address.read(given["base_url"], servers=servers())
    except ValueError as error:
        wrong["base_url"] = str(error)
    key = given.get("key") or ""
    if not key.isascii() or any(c.isspace() for c in key) or len(key) > 500:
        wrong["key"] = _("This is no key: it holds spaces or letters that no key has.")
    taken = sa.select(AiProvider.id).where(AiProvider.name == given["name"])
    if session.scalar(taken.where(AiProvider.id != found.id) if found.id else taken) is not None:
        wrong["name"] = _("There is a provider of this name already.")
    if not accept and (moved or found.accepted_version != given["terms_version"]):
        wrong["accept"] = _("Read the terms and accept them: without that, nothing is sent there.")
    return wrong

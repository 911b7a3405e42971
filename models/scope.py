"""Who acts, and inside which workspace: the two facts every read and write depends on.

Belongs here: `Actor`, the current workspace, and the one way to work outside a workspace. Does not belong here: what an
actor may do (`app.permissions`) and how queries are walled (`models.tenancy`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class ActorKind(StrEnum):
    USER = "user"
    API_KEY = "api_key"
    JOB = "job"
    PUBLIC = "public"
    SYSTEM = "system"


class Reach(StrEnum):
    """How far a right goes: records one owns, records of one's team, or the whole workspace."""

    OWN = "own"
    TEAM = "team"
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Rule:
    """How far a right goes where the brokerage says it itself: to the records that meet a condition over their fields.
    `text` is the condition as it is stored (`app.services.rules`); rules with the same text are the same. An empty one
    reaches nothing.
    """

    text: str


Extent = Reach | Rule
Rights = Mapping[str, Mapping[str, Extent]]
NO_RIGHTS: Rights = MappingProxyType({})


class NoWorkspace(RuntimeError):
    """Work that needs a workspace was started outside one."""


@dataclass(frozen=True, slots=True)
class Actor:
    """One who acts. `rights` maps entity -> action -> extent and is complete: what is absent is refused. `role_id` says
    in whose eyes fields are seen; it is put in force with `seen_as`. With `grant_id` somebody uses granted access: they
    have the membership, team and role of `on_behalf_of`, and their own membership, if any, is `own_id`."""

    kind: ActorKind
    label: str
    user_id: int | None = None
    membership_id: int | None = None
    team_id: int | None = None
    role: str = ""
    role_id: int | None = None
    rights: Rights = field(default_factory=lambda: NO_RIGHTS, repr=False)
    everything: bool = False
    key_id: int | None = None
    ip: str | None = None
    request_id: str | None = None
    user_agent: str | None = None
    on_behalf_of: str | None = None
    grant_id: int | None = None
    own_id: int | None = None
    zone: str = "UTC"

    @property
    def doer_id(self) -> int | None:
        """The membership of the one who really acts."""
        return self.membership_id if self.grant_id is None else self.own_id


def system(label: str, **facts: Any) -> Actor:
    """The product itself, as in a nightly rule; every right, and always named in the audit log."""
    return Actor(kind=ActorKind.SYSTEM, label=label, everything=True, **facts)


@dataclass(frozen=True, slots=True)
class Unscoped:
    """A stated reason to see across workspaces; only for sign-in, provisioning and operator work."""

    reason: str


_scope: ContextVar[int | Unscoped | None] = ContextVar("workspace_scope", default=None)
_role: ContextVar[int | None] = ContextVar("viewer_role", default=None)


def current() -> int | Unscoped | None:
    """The workspace id in force, an `Unscoped` with its reason, or None: then no row is visible."""
    return _scope.get()


def workspace_id() -> int:
    """The workspace id in force; raises `NoWorkspace` where there is none."""
    found = _scope.get()
    if not isinstance(found, int):
        raise NoWorkspace("This work belongs to a workspace, and none was chosen.")
    return found


@contextmanager
def inside(workspace: int) -> Iterator[None]:
    """Everything in the block sees and writes this workspace only."""
    token = _scope.set(workspace)
    try:
        yield
    finally:
        _scope.reset(token)


def role() -> int | None:
    """The id of the role in whose eyes fields are seen; None for the product itself, which sees all."""
    return _role.get()


@contextmanager
def seen_as(role_id: int | None) -> Iterator[None]:
    """Everything in the block sees the fields that this role may see."""
    token = _role.set(role_id)
    try:
        yield
    finally:
        _role.reset(token)


@contextmanager
def across_workspaces(reason: str) -> Iterator[None]:
    """The block may see every workspace. Use a separate session, so that nothing loaded here stays behind."""
    if not reason.strip():
        raise ValueError("Say why this must see across workspaces.")
    token = _scope.set(Unscoped(reason))
    try:
        yield
    finally:
        _scope.reset(token)

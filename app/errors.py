"""What can go wrong, in words for the person it happens to. Translated to HTTP in one place (`app.web.problems`).

Each message says what happened, what was kept and what to do next. `status` is the HTTP status (RFC 9110) it maps to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.words import N_, _

# What the rights of a role are about, where it is not a kind of record.
_AREAS = {
    "audit": N_("the audit log"), "workspace": N_("the settings of the workspace"), "membership": N_("members"),
    "role": N_("roles"), "api_key": N_("API keys"), "job": N_("all jobs"), "ai": N_("drafting with AI"),
    "import": N_("imports"), "policy": N_("policy texts"), "stored_file": N_("files"),
    "inline": N_("changing fields in a list"), "bulk": N_("changing many records at once"),
    "approval": N_("starting campaigns"),
}  # fmt: skip


class DomainError(Exception):
    """Base of all expected errors."""

    status = 400
    title = N_("This could not be done")

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.title)
        self.message = message or self.title


class NotFound(DomainError):
    """Absent, deleted, foreign and out of reach all look the same."""

    status = 404
    title = N_("Not found")

    def __init__(self, message: str = N_("There is no such record, or it is not yours to see.")) -> None:
        super().__init__(message)


class Forbidden(DomainError):
    """The right that is missing is named, so that it can be asked for."""

    status = 403
    title = N_("You may not do this")

    def __init__(self, action: str, entity: str, message: str = "") -> None:
        self.action, self.entity = action, entity
        area = _AREAS.get(entity) or _("records of the kind “{kind}”", kind=N_(entity.replace("_", " ")))
        super().__init__(
            message
            or _(
                "Your role does not include “{action}” for {area}. An admin of your workspace can grant it.",
                action=N_(action),
                area=area,
            )
        )


class Invalid(DomainError):
    """Input that breaks rules: one sentence per field, and `""` for the form as a whole."""

    status = 422
    title = N_("Some fields need a change")

    def __init__(self, fields: Mapping[str, str]) -> None:
        self.fields = dict(fields)
        super().__init__("; ".join(map(str, self.fields.values())))


@dataclass(frozen=True, slots=True)
class Clash:
    """One field that two people changed at the same time."""

    name: str
    label: str
    mine: Any
    theirs: Any


class Conflict(DomainError):
    """Somebody else saved meanwhile. `version` is the newest one; `clashes` the fields that both changed."""

    status = 409
    title = N_("This record was changed meanwhile")

    def __init__(
        self, message: str, *, version: int = 0, clashes: tuple[Clash, ...] = (), who: str = "", when: Any = None
    ) -> None:
        self.version, self.clashes, self.who, self.when = version, clashes, who, when
        super().__init__(message)


class Busy(DomainError):
    """The same request is still being worked on."""

    status = 409
    title = N_("This request is being worked on")


class Outdated(DomainError):
    """The request was made for another state of the record (`If-Match`). `version` is the present one."""

    status = 412
    title = N_("This record was changed meanwhile")

    def __init__(self, version: int) -> None:
        self.version = version
        super().__init__(
            _(
                "The record is at version {version} by now. Nothing was done: read it again, then repeat.",
                version=version,
            )
        )


class Gone(DomainError):
    """A link that has expired or was switched off; the same words for every cause."""

    status = 410
    title = N_("This link no longer works")


class Erased(DomainError):
    """What was asked for was erased for good."""

    status = 410
    title = N_("This was erased")


class TooMany(DomainError):
    """A limit was reached; `retry_after` is in seconds."""

    status = 429
    title = N_("That was a lot of tries")

    def __init__(self, message: str, retry_after: int = 600) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class NeedsFreshSignIn(DomainError):
    """A sensitive act needs the password or passkey again; what was typed is kept."""

    status = 401
    title = N_("Please confirm that it is you")

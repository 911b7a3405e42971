"""The allow-list of jobs: a name in the database runs only if a function here carries it.

Belongs here: declaring and looking up. Does not belong here: running (`jobs.runner`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from models.policy import Purpose

if TYPE_CHECKING:
    from jobs.run import Run

MODULES = (
    "jobs.bookings",
    "jobs.bulk",
    "jobs.mail",
    "jobs.sending",
    "jobs.campaigns",
    "jobs.inbound",
    "jobs.drafts",
    "jobs.housekeeping",
    "jobs.imports",
    "jobs.audit",
    "jobs.files",
    "jobs.custom_fields",
    "jobs.views",
    "jobs.webhooks",
    "jobs.setup",
)
Function = Callable[["Run"], dict[str, Any] | None]
Ended = Callable[[Mapping[str, Any], str, str], None]


@dataclass(frozen=True, slots=True)
class Spec:
    """One kind of job. `outside` jobs talk to other machines and open their own steps; all others are one transaction.

    `ended(args, state, reason)` is called in the transaction that gives a job up, so that its subject does not wait
    for ever. `forget` empties the arguments once the job is over, where they hold a secret.
    """

    name: str
    function: Function
    purpose: Purpose
    queue: str
    outside: bool
    ended: Ended | None
    forget: bool


class UnknownJob(LookupError):
    """A job's name is on no list; it was written by another version of the product, or by hand."""


_specs: dict[str, Spec] = {}


def job(name: str, *, purpose: Purpose, queue: str = "default", outside: bool = False, ended: Ended | None = None,
        forget: bool = False) -> Callable[[Function], Function]:  # fmt: skip
    """Put a function on the list under `name`; a name can be taken once."""

    def keep(function: Function) -> Function:
        if name in _specs and _specs[name].function is not function:
            raise ValueError(f"Two jobs are named {name}.")
        _specs[name] = Spec(name, function, purpose, queue, outside, ended, forget)
        return function

    return keep


def load() -> Mapping[str, Spec]:
    """Every job by name, with the product's own modules imported."""
    for module in MODULES:
        importlib.import_module(module)
    return _specs


def find(name: str) -> Spec:
    """The job of that name; raises `UnknownJob`."""
    spec = _specs.get(name) or load().get(name)
    if spec is None:
        raise UnknownJob(f"No job is named {name}. It may belong to a newer version of the product.")
    return spec

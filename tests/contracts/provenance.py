"""Provenance (P3): a helper for tests of every path that creates records, and what counts as a known source."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from models import registry, tenancy
from models.base import session

# How a record can come in; a new path names itself here.
SOURCES = frozenset(
    {
        "form",
        "api",
        "import",
        "lead form",
        "booking",
        "webhook",
        "course",
        "signer",
        "system",
        "seed",
        "automation",
        "job",
        "unsubscribe page",
        "one-click",
        "sign-up",
        "invitation",
        "command line",
    }
)


def check(record: Any, *, source: str, by: str, ref: str | None = None) -> None:
    """The record says how it came, through whom and, where there is a batch or integration, which."""
    assert (record.source, record.created_by, record.source_ref) == (source, by, ref)
    assert record.created_at is not None and source in SOURCES


def without(*entities: str) -> dict[str, list[int]]:
    """Ids of records, of all entities or the named ones, that do not say how they came or through whom."""
    found = {}
    for name, model in registry.entities().items():
        if entities and name not in entities:
            continue
        statement = sa.select(model.id).where(sa.or_(model.source == "", model.created_by == ""))
        ids = list(session.scalars(statement, execution_options=tenancy.with_deleted()))
        if ids:
            found[name] = ids
    return found

"""Gives audit rows their place: per workspace a chain of hashes in `audit_seal`, its end signed in `audit_head`.

hash = SHA-256(previous hash || sequence as 8 bytes || the row's digest); the first "previous" names the chain. Rows
are sealed after their transaction, so that no business transaction waits for another: one that commits later with a
lower id takes a later place. Belongs here: sealing. Does not belong here: checking (`app.services.chain_check`).

It works on connections of its own across workspaces and changes nothing that people wrote, so it leaves no audit row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.services import audit_heads
from app.services.audit_heads import Head
from models.audit import Audit, AuditHead, AuditSeal
from models.base import db
from models.crypto import keyring
from models.fields import now

PURPOSE = "audit-head"
CHUNK = 2000
# How far behind the newest sealed row a quick pass looks for rows that committed late; a thorough pass looks
# everywhere.
LATE = 50_000
THOROUGH_SECONDS = 600.0

_AUDIT, _SEAL, _HEAD = Audit.__table__, AuditSeal.__table__, AuditHead.__table__
_CHAIN = sa.func.coalesce(_AUDIT.c.workspace_id, 0)
_last_thorough = -THOROUGH_SECONDS


class BrokenChain(RuntimeError):
    """The end of a chain is not what was signed; nothing is added to it, so that the traces stay."""


def seal_all(*, thorough: bool | None = None) -> int:
    """Seal what waits in every chain; how many rows were sealed. Every ten minutes, or when told, it is `thorough`.

    A chain whose end is not what was signed is left as it is: `chain_check.verify` names what is wrong.
    """
    global _last_thorough
    began = time.monotonic()
    if thorough is None:
        thorough = began - _last_thorough >= THOROUGH_SECONDS
    with transaction() as connection:
        floor = 0 if thorough else (connection.scalar(sa.select(sa.func.max(_SEAL.c.audit_id))) or 0) - LATE
        chains = connection.scalars(sa.select(_CHAIN).where(_unsealed(floor)).distinct()).all()
    sealed = 0
    for chain in chains:
        try:
            sealed += seal(int(chain), floor=floor)
        except BrokenChain:
            continue
    if thorough:
        _last_thorough = began
    return sealed


def seal(chain: int, *, floor: int = 0) -> int:
    """Seal the rows of one chain (a workspace's id, 0 for none) with ids above `floor`; raises `BrokenChain`."""
    total = 0
    while True:
        done, floor = _seal_chunk(chain, floor)
        total += done
        if done < CHUNK:
            return total


@contextmanager
def transaction(*, writes: bool = False) -> Iterator[sa.Connection]:
    """A connection that sees every workspace, in one transaction with one view of the data."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="READ COMMITTED" if writes else "REPEATABLE READ")
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("select set_config('app.workspace_id', '*', true)"))
            else:
                connection.exec_driver_sql("begin immediate" if writes else "begin")
            yield connection


def first_hash(chain: int) -> bytes:
    """What the first entry of a chain follows: 32 bytes that name the chain."""
    return hashlib.sha256(f"audit chain {chain}".encode()).digest()


def next_hash(previous: bytes, sequence: int, digest: bytes) -> bytes:
    return hashlib.sha256(previous + sequence.to_bytes(8, "big") + digest).digest()


def statement(head_chain: int, sequence: int, hash_: bytes) -> bytes:
    """What a head's signature covers."""
    return f"{head_chain}:{sequence}:{hash_.hex()}".encode()


def genuine(head: Head) -> bool:
    """Whether we signed it."""
    return keyring().verify(PURPOSE, statement(head.chain, head.sequence, head.hash), head.signature)


def _seal_chunk(chain: int, floor: int, tries: int = 3) -> tuple[int, int]:
    """How many were sealed, and the id up to which."""
    try:
        with transaction(writes=True) as connection:
            head, count, reached = _extend(connection, chain, floor)
    except IntegrityError:
        if tries <= 1:
            raise
        return _seal_chunk(chain, floor, tries - 1)
    if head is not None:
        audit_heads.keep(head)
    return count, reached


def _extend(connection: sa.Connection, chain: int, floor: int) -> tuple[Head | None, int, int]:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("select pg_advisory_xact_lock(720148, :chain)"), {"chain": chain % 2**31})
    sequence, last = _end(connection, chain)
    rows = connection.execute(
        sa.select(_AUDIT.c.id, _AUDIT.c.digest)
        .where(_of_chain(chain), _unsealed(floor))
        .order_by(_AUDIT.c.id)
        .limit(CHUNK)
    ).all()
    if not rows:
        return None, 0, floor
    seals = []
    for audit_id, digest in rows:
        sequence += 1
        last = next_hash(last, sequence, bytes(digest))
        seals.append({"chain": chain, "sequence": sequence, "audit_id": audit_id, "hash": last})
    connection.execute(sa.insert(_SEAL), seals)
    head = Head(chain, sequence, last, keyring().sign(PURPOSE, statement(chain, sequence, last)))
    _save(connection, head)
    return head, len(rows), rows[-1].id


def _end(connection: sa.Connection, chain: int) -> tuple[int, bytes]:
    """Sequence and hash of the last entry, if they are what was signed."""
    head = connection.execute(sa.select(_HEAD).where(_HEAD.c.chain == chain)).one_or_none()
    last = connection.execute(
        sa.select(_SEAL.c.sequence, _SEAL.c.hash)
        .where(_SEAL.c.chain == chain)
        .order_by(_SEAL.c.sequence.desc())
        .limit(1)
    ).one_or_none()
    if head is None and last is None:
        return 0, first_hash(chain)
    if head is None or last is None or (head.sequence, bytes(head.hash)) != (last.sequence, bytes(last.hash)):
        raise BrokenChain(f"The end of audit chain {chain} is not what was signed.")
    if not genuine(Head(chain, head.sequence, bytes(head.hash), bytes(head.signature))):
        raise BrokenChain(f"The signature of audit chain {chain} is not ours.")
    return int(head.sequence), bytes(head.hash)


def _save(connection: sa.Connection, head: Head) -> None:
    values = {"sequence": head.sequence, "hash": head.hash, "signature": head.signature, "signed_at": now()}
    if not connection.execute(sa.update(_HEAD).where(_HEAD.c.chain == head.chain).values(values)).rowcount:
        connection.execute(sa.insert(_HEAD).values(chain=head.chain, **values))


def _of_chain(chain: int) -> sa.ColumnElement[bool]:
    return _AUDIT.c.workspace_id == chain if chain else _AUDIT.c.workspace_id.is_(None)


def _unsealed(floor: int) -> sa.ColumnElement[bool]:
    sealed = sa.select(sa.literal(1)).where(_SEAL.c.audit_id == _AUDIT.c.id).exists()
    return sa.and_(_AUDIT.c.id > floor, ~sealed)

"""Copies of the signed heads of the audit chains, outside the database: whoever cuts the end of a chain, or drops it
whole, has to reach this folder too. Point DATA_DIR/audit-heads at storage that only adds to be safe from an operator.

Belongs here: writing and reading the copies. Does not belong here: what a head says (`app.services.chain`).
"""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

TURN_BYTES = 1_000_000

_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: `sequence` entries, the last one's hash, and our Ed25519 signature (RFC 8032) over all
    three."""

    chain: int
    sequence: int
    hash: bytes
    signature: bytes


def use(folder: Path | None) -> None:
    """Keep copies in this folder; None keeps none. Called once by the app factory."""
    global _folder
    _folder = folder


def kept() -> bool:
    """Whether this machine keeps copies."""
    return _folder is not None


def keep(head: Head) -> None:
    """Append a copy. A file that has grown becomes the older one (`.1`), so that two files are kept of each chain."""
    if _folder is None:
        return
    _folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = json.dumps(
        {"chain": head.chain, "sequence": head.sequence, "hash": head.hash.hex(), "sign": head.signature.hex()}
    )
    with (_folder / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = _folder / f"{head.chain}.jsonl"
        if path.exists() and path.stat().st_size > TURN_BYTES:
            os.replace(path, path.with_suffix(".jsonl.1"))
        with path.open("a", encoding="ascii") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


def copies() -> dict[int, list[Head]]:
    """All copies by chain, oldest first; a line that can't be read counts as a head that fits nothing."""
    found: dict[int, list[Head]] = {}
    if _folder is None or not _folder.is_dir():
        return found
    for path in sorted(_folder.glob("*.jsonl.1")) + sorted(_folder.glob("*.jsonl")):
        chain = path.name.split(".")[0]
        if chain.isdigit():
            found.setdefault(int(chain), []).extend(_read(int(chain), line) for line in path.read_text().splitlines())
    return found


def _read(chain: int, line: str) -> Head:
    try:
        said = json.loads(line)
        return Head(int(said["chain"]), int(said["sequence"]), bytes.fromhex(said["hash"]), bytes.fromhex(said["sign"]))
    except (ValueError, KeyError, TypeError):
        return Head(chain, 0, b"", b"")

"""The keys folder: one file per key, made on the first start, readable by its owner alone.

Belongs here: files and their modes. Does not belong here: what keys do (`models.crypto`).
`root.key` is the root; `<time>-<id>.key` are sealing keys, and the newest by name seals. Back the folder up apart from
the data: without it the data cannot be read, and with it, it can.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models import crypto
from models.crypto import BadKeys, Keyring

_ROOT = "root.key"


def open_folder(folder: Path) -> Keyring:
    """The ring of the folder, made first where there is none. Several processes may start at once."""
    with _locked(folder):
        if not (folder / _ROOT).exists():
            if _sealing_files(folder):
                raise BadKeys(f"{folder / _ROOT} is missing while other keys are there. Restore it from backup.")
            _write(folder / _ROOT, crypto.new_key())
        if not _sealing_files(folder):
            _add(folder)
    return Keyring(_read(folder / _ROOT), _sealing_keys(folder), reload=lambda: _sealing_keys(folder))


def add_key(folder: Path) -> str:
    """Add a sealing key, which seals from now on; gives its id. Processes that run take it up when they first meet it."""
    with _locked(folder):
        return _add(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_mode & 0o077:
        raise BadKeys(f"The keys folder {folder} is open to others. Run: chmod 700 {folder}")
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _add(folder: Path) -> str:
    key = crypto.new_key()
    found = crypto.key_id(key).hex()
    files = _sealing_files(folder)
    stamp = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S%fZ}"
    if files and files[0].name.split("-")[0] >= stamp:
        raise BadKeys("The clock is behind the newest key. Set the clock, then add the key again.")
    _write(folder / f"{stamp}-{found}.key", key)
    return found


def _sealing_files(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted((path for path in folder.glob("*-*.key")), reverse=True)


def _sealing_keys(folder: Path) -> list[bytes]:
    return [_read(path) for path in _sealing_files(folder)]


def _write(path: Path, key: bytes) -> None:
    """The name appears only with the whole content, so that a crash never leaves half a key."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(crypto.encode_key(key) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        raise BadKeys(f"The key {path} is open to others. Run: chmod 600 {path}")
    return crypto.decode_key(path.read_text())

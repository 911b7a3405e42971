"""Keeps the bytes of files, on local disk or in an S3-compatible store, under random keys.

Belongs here: put, open, delete. Does not belong here: what a file may be (`app.services.uploads`) and who may have it
(the `stored_file` row). A key is 160 random bits in two levels of folders; nothing a user typed is ever part of a path.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from app import adapters
from models.policy import Purpose

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{40}")
_CHUNK = 256 * 1024
_IN_MEMORY = 8 * 1024 * 1024


class StorageError(Exception):
    """Base of what this module raises."""


class BadKey(StorageError, ValueError):
    """Not a key that this module made."""


class NotStored(StorageError, LookupError):
    """There is no file under this key."""


class TooLarge(StorageError, ValueError):
    """The stream went past the cap; nothing was kept of it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """`size` in bytes, `sha256` in hex."""

    key: str
    size: int
    sha256: str


class Storage(Protocol):
    """One place for files. Every method but `put` raises `BadKey`."""

    def put(self, stream: BinaryIO, *, cap: int) -> Stored:
        """Keep all of the stream, or raise `TooLarge` past `cap` bytes. The file is there whole, or not at all."""

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        """The bytes from `start`, at most `length` of them. The caller closes it. Raises `NotStored`."""

    def size(self, key: str) -> int:
        """In bytes; raises `NotStored`."""

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Remove it; one that is gone already is no error."""


def connect(url: str, *, purpose: Purpose) -> Storage:
    """The storage of STORAGE_URL: `file:///folder` or `s3://bucket/prefix?endpoint=URL&region=NAME`.

    S3 credentials come from the environment or the machine's role, never from the URL.
    """
    adapters.call(purpose, "storage")
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return DiskStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc and "@" not in parts.netloc:
        query = parse_qs(parts.query)
        client = _s3_client(query.get("endpoint", [""])[0], query.get("region", [""])[0])
        return S3Storage(client, parts.netloc, unquote(parts.path).strip("/"))
    raise ValueError("STORAGE_URL is not understood. Set it to file:///folder or s3://bucket/prefix?endpoint=URL.")


class DiskStorage:
    """Files below a folder, readable by the owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, stream: BinaryIO, *, cap: int) -> Stored:
        key = _new_key()
        target = self._folder / key
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=".part-", dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as file:
                size, digest = _copy(stream, file, cap)
                file.flush()
                os.fsync(file.fileno())
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            Path(part).rename(target)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise
        # Both levels may be new: a name that is not yet on the disk is lost with the power.
        for folder in (target.parent, target.parent.parent, self._folder):
            _sync(folder)
        return Stored(key, size, digest)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        try:
            handle = os.open(self._path(key), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NotStored(key) from None
        file = os.fdopen(handle, "rb", buffering=0)
        file.seek(start)
        return io.BufferedReader(_Window(file, length), _CHUNK)

    def size(self, key: str) -> int:
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            raise NotStored(key) from None

    def exists(self, key: str) -> bool:
        return self._path(key).is_file()

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / _checked(key)


class S3Storage:
    """Objects below a prefix of a bucket. `client` is one of boto3."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client, self._bucket, self._prefix = client, bucket, f"{prefix}/" if prefix else ""

    def put(self, stream: BinaryIO, *, cap: int) -> Stored:
        key = _new_key()
        # Spooled first, so that a stream that is too large or breaks off never reaches the store.
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            size, digest = _copy(stream, file, cap)
            file.seek(0)
            self._client.upload_fileobj(file, self._bucket, self._prefix + key)
        return Stored(key, size, digest)

    def open(self, key: str, *, start: int = 0, length: int | None = None) -> BinaryIO:
        size = self.size(key)
        end = size if length is None else min(size, start + length)
        if start >= end:
            return io.BytesIO()
        with _missing_is_not_stored(key):
            answer = self._client.get_object(**self._at(key), Range=f"bytes={start}-{end - 1}")
        body: BinaryIO = answer["Body"]
        return body

    def size(self, key: str) -> int:
        with _missing_is_not_stored(key):
            return int(self._client.head_object(**self._at(key))["ContentLength"])

    def exists(self, key: str) -> bool:
        try:
            self.size(key)
        except NotStored:
            return False
        return True

    def delete(self, key: str) -> None:
        self._client.delete_object(**self._at(key))

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + _checked(key)}


class _Window(io.RawIOBase):
    """The next `length` bytes of a file; all that are left where it is None."""

    def __init__(self, file: Any, length: int | None) -> None:
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        if self._left is not None:
            view = view[: self._left]
        count = self._file.readinto(view) if len(view) else 0
        if self._left is not None:
            self._left -= count
        return int(count)

    def close(self) -> None:
        self._file.close()
        super().close()


def _new_key() -> str:
    name = secrets.token_hex(20)
    return f"{name[:2]}/{name[2:4]}/{name}"


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise BadKey("This is not the key of a stored file.")
    return key


def _copy(stream: BinaryIO, target: Any, cap: int) -> tuple[int, str]:
    """Copies at most `cap` bytes; gives their number and SHA-256."""
    size, digest = 0, hashlib.sha256()
    while part := stream.read(_CHUNK):
        size += len(part)
        if size > cap:
            raise TooLarge(f"The file is larger than {cap:,} bytes.")
        digest.update(part)
        target.write(part)
    return size, digest.hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@lru_cache(maxsize=4)
def _s3_client(endpoint: str, region: str) -> Any:
    """Clients are costly to make (100 ms) and safe to share between threads."""
    import boto3
    from botocore.config import Config

    settings = Config(
        connect_timeout=5,
        read_timeout=60,
        retries={"max_attempts": 3, "mode": "standard"},
        # Stores other than Amazon's do not all know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client("s3", endpoint_url=endpoint or None, region_name=region or None, config=settings)


@contextmanager
def _missing_is_not_stored(key: str) -> Iterator[None]:
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchKey", "NotFound"}:
            raise NotStored(key) from None
        raise

"""Files go in and come out whole, on disk and in S3 alike; no name leads anywhere else."""

from __future__ import annotations

import hashlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from app.adapters import NoPurpose, storage
from app.adapters.storage import BadKey, DiskStorage, NotStored, Storage, TooLarge
from models.policy import Purpose

CONTENT = bytes(range(256)) * 40
PURPOSE = Purpose.RUN_TRANSACTIONS


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}
    before = {name: os.environ.get(name) for name in keys}
    os.environ.update(keys)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    storage._s3_client(f"http://{host}:{port}", "us-east-1").create_bucket(Bucket="files")
    yield f"s3://files/office/a?endpoint=http://{host}:{port}&region=us-east-1"
    server.stop()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    url = f"file://{tmp_path / 'files'}" if request.param == "disk" else request.getfixturevalue("s3_url")
    return storage.connect(url, purpose=PURPOSE)


def test_a_file_goes_in_and_comes_out(store: Storage) -> None:
    stored = store.put(io.BytesIO(CONTENT), cap=len(CONTENT))
    assert (stored.size, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{40}", stored.key)
    assert store.exists(stored.key)
    assert store.size(stored.key) == len(CONTENT)
    with store.open(stored.key) as stream:
        assert stream.read() == CONTENT
    store.delete(stored.key)
    store.delete(stored.key)
    assert not store.exists(stored.key)
    with pytest.raises(NotStored):
        store.open(stored.key)
    with pytest.raises(NotStored):
        store.size(stored.key)


def test_a_part_of_a_file(store: Storage) -> None:
    key = store.put(io.BytesIO(CONTENT), cap=20_000).key
    for start, length in ((0, 1), (100, 50), (len(CONTENT) - 5, 100), (len(CONTENT), 10), (7, None), (3, 0)):
        with store.open(key, start=start, length=length) as stream:
            assert stream.read() == CONTENT[start : None if length is None else start + length]


def test_an_empty_file_is_a_file(store: Storage) -> None:
    key = store.put(io.BytesIO(), cap=10).key
    with store.open(key) as stream:
        assert stream.read() == b""


def test_of_a_file_over_the_cap_nothing_stays(tmp_path: Path) -> None:
    store = DiskStorage(tmp_path)
    with pytest.raises(TooLarge):
        store.put(io.BytesIO(CONTENT), cap=len(CONTENT) - 1)
    assert list(tmp_path.iterdir()) == []


class _Broken(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise ConnectionError("the sender went away")
        return super().read(10)


def test_of_a_broken_upload_nothing_stays(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        DiskStorage(tmp_path).put(_Broken(CONTENT), cap=10**6)
    assert list(tmp_path.iterdir()) == []


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    key = DiskStorage(tmp_path / "files").put(io.BytesIO(b"x"), cap=1).key
    file = tmp_path / "files" / key
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


BAD_KEYS = [
    "",
    "../../etc/passwd",
    "ab/cd/../../x",
    "/etc/passwd",
    "ab/cd/" + "g" * 40,
    "ab/cd/" + "a" * 40 + "\n",
    "..",
    "\0",
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_no_key_leads_out_of_the_store(store: Storage, key: str) -> None:
    for act in (store.open, store.size, store.exists, store.delete):
        with pytest.raises(BadKey):
            act(key)


@given(st.text(max_size=60))
def test_no_typed_text_is_a_key(text: str) -> None:
    with pytest.raises(BadKey):
        DiskStorage(Path("/nonexistent")).exists(text)


def test_a_link_in_the_store_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x")
    store = DiskStorage(tmp_path / "files")
    key = store.put(io.BytesIO(b"x"), cap=1).key
    store.delete(key)
    (tmp_path / "files" / key).symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        store.open(key)


def test_keys_never_repeat(tmp_path: Path) -> None:
    assert len({storage._new_key() for _ in range(5000)}) == 5000


@pytest.mark.parametrize(
    "url", ["", "ftp://x/y", "file://host/folder", "file:relative", "s3://", "s3://id:secret@bucket/x"]
)
def test_a_wrong_url_is_refused_with_the_right_one(url: str) -> None:
    with pytest.raises(ValueError, match="STORAGE_URL"):
        storage.connect(url, purpose=PURPOSE)


def test_each_use_names_its_purpose() -> None:
    with pytest.raises(NoPurpose):
        storage.connect("file:///nonexistent", purpose="because")  # type: ignore[arg-type]

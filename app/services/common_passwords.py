"""Whether a password is on the shipped list of common and breached ones.

Belongs here: reading the list. Does not belong here: what else a password must be (`app.services.passwords`).
The list is a Bloom filter of 1.4 million folded passwords: it never misses one it holds, and wrongly names one good
password in 10,000. Sources and licences stand in `app/data/passwords/README.md`. The file is mapped on first use.
"""

from __future__ import annotations

import hashlib
import mmap
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).resolve().parents[1] / "data" / "passwords" / "common.bloom"
HEADER = struct.Struct("<8sIIQ")
MAGIC = b"pwbloom1"


def is_common(password: str) -> bool:
    """True where the password, in any case, is on the list."""
    return _list().holds(fold(password))


def size() -> int:
    """How many passwords the list holds."""
    return _list().entries


def fold(password: str) -> str:
    return unicodedata.normalize("NFKC", password).casefold()


def probes(word: str, count: int, bits: int) -> Iterator[int]:
    """The bits of a word, by double hashing (Kirsch and Mitzenmacher, 2006)."""
    digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    first, step = int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little") | 1
    return ((first + turn * step) % bits for turn in range(count))


@dataclass(frozen=True, slots=True)
class _Bloom:
    table: mmap.mmap
    count: int
    entries: int
    bits: int

    def holds(self, word: str) -> bool:
        table, start = self.table, HEADER.size
        return all(table[start + (bit >> 3)] >> (bit & 7) & 1 for bit in probes(word, self.count, self.bits))


@cache
def _list() -> _Bloom:
    with LIST.open("rb") as stream:
        table = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    magic, count, entries, bits = HEADER.unpack_from(table)
    if magic != MAGIC or len(table) != HEADER.size + bits // 8:
        raise RuntimeError(f"{LIST.name} is damaged. Restore it from the release.")
    return _Bloom(table, count, entries, bits)

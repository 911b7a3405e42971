"""Runs the code blocks of docs/adding-an-entity.md, starts the product with the new entity, and prints what works; a
program of its own.

A new table would stay in the metadata of the process that declares it, so the test starts this beside itself.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import config
import views.screens.crm  # noqa: F401  the other entities
from models.base import Model, db

ROOT = Path(__file__).resolve().parents[2]


def main() -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/adding-an-entity.md").read_text(), re.DOTALL)
    listing = sys.modules["models.listing"] = types.ModuleType("models.listing")
    for block in blocks:
        exec(compile(block, "docs/adding-an-entity.md", "exec", dont_inherit=True), vars(listing))  # noqa: S102  our own document
    from app.factory import create_app

    folder = tempfile.mkdtemp()
    app = create_app(
        config.load(
            {"APP_ENV": "test", "DATABASE_URL": f"sqlite:///{folder}/x", "DATA_DIR": folder, "LOG_LEVEL": "error"}
        )
    )
    from tests.factories import Browser, make_world

    app.test_client_class = Browser
    with app.app_context():
        Model.metadata.create_all(db.engine)
        world = make_world()
        db.session.remove()
    return {"blocks": len(blocks)} | _use(app, world)


def _use(app: Any, world: Any) -> dict[str, Any]:
    from tests.contracts import state
    from tests.contracts.conftest import program
    from tests.factories import sign_in

    mine, other = app.test_client(), app.test_client()
    sign_in(mine, world.harbour.owner)
    sign_in(other, world.summit.owner)
    mine.get("/")
    other.get("/")
    made = mine.submit(
        "/listings/new", {"address": "12 Quay Street", "state": "live", "price": "450000", "remarks": "Sea view"}
    )
    key, foreign = program(app, world.harbour), program(app, world.summit)
    with app.app_context():
        row = state.rows("listing")[0]
        audits = [a["action"] for a in state.rows("audit", entity="listing")]
    url, api = f"/listings/{row['id']}", f"/api/v1/listing/{row['id']}"
    found = {
        "form": made.status_code,
        "price": row["price"],
        "origin": row["source"],
        "audit": audits,
        "list": "12 Quay Street" in mine.get("/listings/?q=quay&f=state:is:live&sort=-price").get_data(as_text=True),
        "page": "Sea view" in mine.get(url).get_data(as_text=True),
        "history": mine.get(f"{url}?tab=history").status_code,
        "menu": "/listings/" in mine.get("/").get_data(as_text=True),
        "search": "Quay" in mine.get("/search/palette?q=quay").get_data(as_text=True),
        "picker": mine.get("/listings/picker?q=quay").json["items"][0]["title"],
        "csv": "12 Quay Street" in mine.submit("/listings/export.csv").get_data(as_text=True),
        "xlsx": mine.submit("/listings/export.xlsx").get_data()[:2].decode(),
        "rest": key.get(api).json["address"],
        "patch": key.patch(api, json={"price": 460_000_00}).json["price"],
        "described": "/api/v1/listing/{id}" in key.get("/api/v1/_openapi").json["paths"],
        "missing": mine.submit("/listings/new", {"address": ""}).status_code,
        "wall": [
            other.get(url).status_code,
            foreign.get(api).status_code,
            foreign.patch(api, json={"price": 1}).status_code,
            other.submit(f"{url}/delete").status_code,
        ],
        "wall list": "Quay" in other.get("/listings/").get_data(as_text=True)
        or bool(foreign.get("/api/v1/listing/").json["data"]),
    }
    agent = app.test_client()
    sign_in(agent, world.harbour.agent)
    found["reach"] = agent.get(url).status_code
    found["bin"] = [
        mine.submit("/listings/bulk/delete", {"ids": str(row["id"]), "confirmed": "1"}).status_code,
        key.get(api).status_code,
    ]
    found["back"] = [mine.submit(f"{url}/restore").status_code, key.get(api).status_code]
    with app.app_context():
        found["acts"] = [a["action"] for a in state.rows("audit", entity="listing")]
    return found


if __name__ == "__main__":
    json.dump(main(), sys.stdout)

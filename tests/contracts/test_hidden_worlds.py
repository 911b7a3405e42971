"""A field that a role does not see can't be told from anything it is told: two worlds that differ in hidden values
alone answer every request with the same bytes, whichever surface is asked, by whichever parameter.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import time_machine
from flask import Flask

from app.services import filters, schema
from tests.contracts import hidden_surfaces, hidden_worlds, walk
from tests.contracts.conftest import put_down, take_up
from tests.contracts.hidden_surfaces import Told
from tests.contracts.hidden_worlds import MOMENT, VARIANTS, Pick, Worlds
from tests.factories import World

Ask = Callable[..., list[Told]]
# Where who sees a field must see that it differs: otherwise the walk is blind there.
_SEEN = (
    "GET /contacts/", "/edit: ", "tab=history", "sort=-", "display=board", "REST /api/v1/contact/", "webhook",
    "export.csv", "export.xlsx", "letter", "picker", "/search/", "import", "stale form", "AI reads",
)  # fmt: skip


@pytest.fixture
def answers(app: Flask, twins: World, _built: tuple[Any, Path, Path, World], tmp_path: Path) -> Ask:
    """What each variant of the world answers. With `limit` False the role sees what the variants differ in."""
    live = _built[1]

    def ask(pick: Pick, *, limit: bool = True, entities: tuple[str, ...] = ()) -> list[Told]:
        with time_machine.travel(MOMENT, tick=False):
            worlds = hidden_worlds.found(app, twins, pick, limit=limit)
            base = tmp_path / "base.sqlite3"
            put_down(app, live, base)
            found = []
            for variant in VARIANTS:
                take_up(app, base, live)
                found.append(_told(worlds, variant, entities))
        return found

    return ask


def _told(worlds: Worlds, variant: str, entities: tuple[str, ...]) -> Told:
    with worlds.app.app_context():
        hidden_worlds.become(worlds, variant)
    return hidden_surfaces.told(worlds, entities=entities)


# One walk takes a minute and a half; `make soak` makes them all.
_PICKS: dict[str, Pick] = {
    "every second field": lambda number: number % 2 == 0,
    "the others": lambda number: number % 2 == 1,
    "every field": lambda _number: True,
}


@pytest.mark.parametrize("pick", [_PICKS[name] for name in (_PICKS if os.environ.get("SOAK") else [*_PICKS][:1])])
def test_worlds_that_differ_in_hidden_values_answer_alike(answers: Ask, pick: Pick) -> None:
    one, other, empty = answers(pick)
    assert len(one) > 1000, "every surface was asked"
    found = [f"{name} breaks down" for name in hidden_surfaces.broken(one)]
    found += hidden_surfaces.differences(one, other) + hidden_surfaces.differences(one, empty)
    assert not found, walk.report(found, "surfaces fail or tell of hidden fields")


def test_the_worlds_do_differ_to_who_sees_the_fields(answers: Ask) -> None:
    one, other, empty = answers(lambda _number: True, limit=False, entities=("contact",))
    found = "\n".join(hidden_surfaces.differences(one, other) + hidden_surfaces.differences(one, empty))
    for surface in _SEEN:
        assert surface in found, f"{surface} sees no difference\n{found[:3000]}"


def test_a_surface_that_forgets_the_limits_is_found(answers: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters alone read all fields: nothing is shown by them, and still they tell."""
    known = filters.filterable
    monkeypatch.setattr(filters, "filterable", lambda model: known(model) | _all(model))
    one, other, empty = answers(lambda _number: True, entities=("contact",))
    found = hidden_surfaces.differences(one, other) + hidden_surfaces.differences(one, empty)
    assert any("f=" in fault for fault in found)


def _all(model: Any) -> dict[str, Any]:
    return {n: one for n, one in schema.every(model).items() if one.kind in filters.OPERATORS and not one.secret}

"""How tiles are moved, resized, left out and brought back, in arrangements that stand on each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Conflict, Invalid, NotFound
from app.services import arrangements
from app.services.arrangements import COLUMNS, MOST, Layer, arranged, layer_of, move, put_before, resize, take_away
from app.services.tiles import Tile, made

WIDTHS = st.lists(st.integers(1, COLUMNS), min_size=1, max_size=10)


def layer(*widths: int) -> Layer:
    tiles = {n: Tile(id=n, title=f"T{n}", width=w) for n, w in enumerate(widths, 1)}
    return Layer(tiles, [(n, one.width) for n, one in tiles.items()])


def order(*layers: Layer) -> list[int]:
    return [one.id for one in arranged(layers)]


def test_tiles_go_to_all_sides() -> None:
    base = layer(1, 1, 1, 2, 1, 1)  # 1 2 3 / 4 5 / 6
    assert order(move([base], 2, "left")) == [2, 1, 3, 4, 5, 6]
    assert order(move([base], 2, "right")) == [1, 3, 2, 4, 5, 6]
    assert order(move([base], 5, "up")) == [1, 2, 5, 3, 4, 6]
    assert order(move([base], 1, "up")) == order(move([base], 1, "left")) == order(base)
    assert order(move([base], 6, "down")) == order(move([base], 6, "right")) == order(base)
    with pytest.raises(Invalid):
        move([base], 1, "away")
    with pytest.raises(NotFound):
        move([base], 99, "left")


@given(WIDTHS, st.sampled_from(["left", "right", "up", "down"]), st.data())
def test_a_move_loses_and_doubles_nothing(widths: list[int], to: str, data: st.DataObject) -> None:
    base = layer(*widths)
    key = data.draw(st.sampled_from(sorted(base.tiles)))
    found = order(move([base], key, to))
    assert sorted(found) == sorted(base.tiles)
    before, after = order(base).index(key), found.index(key)
    assert after <= before if to in ("left", "up") else after >= before
    lines = arrangements.rows(arranged([base]))
    row = next(n for n, line in enumerate(lines) if key in [t.id for t in line])
    if to == "down" and row < len(lines) - 1:
        assert after > before
    if to == "up" and row:
        assert after < before


@given(WIDTHS)
def test_rows_hold_three_columns_at_most(widths: list[int]) -> None:
    lines = arrangements.rows(arranged([layer(*widths)]))
    assert all(sum(one.width for one in line) <= COLUMNS for line in lines)
    assert [one.id for line in lines for one in line] == order(layer(*widths))


def test_arrangements_stand_on_each_other() -> None:
    base, own = layer(1, 1, 1), Layer()
    own = put_before([base, own], 3, 1)
    own = resize([base, own], 1, 2)
    own = take_away([base, own], 2)
    assert order(base, own) == [3, 1] and arranged([base, own])[1].width == 2
    base = arrangements.add([base], Tile(title="New"))
    assert [one.title for one in arranged([base, own])] == ["T3", "T1", "New"]
    assert [one.id for one in arrangements.left_out([base, own])] == [2]
    assert order(base, arrangements.put_back([base, own], 2))[-1] == 2
    with pytest.raises(NotFound):
        arrangements.put_back([base, own], 1)


def test_a_dashboard_has_an_end() -> None:
    full = layer(*[1] * MOST)
    with pytest.raises(Invalid, match="holds 24 tiles"):
        arrangements.add([full], Tile(title="One more"))
    with pytest.raises(Invalid):
        resize([full], 1, 4)


def test_what_is_kept_is_what_comes_back() -> None:
    usual = arrangements.usual()
    assert layer_of(usual.facts()) == usual
    assert made(5, {"title": 7, "width": "wide", "no_such": 1}) == Tile(id=5)


def test_a_change_is_taken_back_in_spite_of_others_beside_it() -> None:
    old = layer(1, 1, 1)
    new = take_away([old], 2)
    now = resize([new], 3, 2)
    assert order(old.instead_of(new, now)) == [1, 2, 3]
    assert dict(old.instead_of(new, now).order)[3] == 2, "what others did stays"
    moved = put_before([old], 3, 1)
    with pytest.raises(Conflict, match="arranged anew"):
        old.instead_of(moved, resize([moved], 1, 2))
    changed = arrangements.change([old], Tile(id=1, title="Renamed"))
    again = arrangements.change([changed], Tile(id=1, title="Renamed again"))
    with pytest.raises(Conflict, match="changed again"):
        old.instead_of(changed, again)

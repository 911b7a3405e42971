"""The geometry of charts: columns, lines, bars and funnels as plain numbers for SVG, of 100 units each way.

The SVG is stretched to the tile's width; words stand beside it as text, so that they are read at any size. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from models.words import _

Number = int | Decimal
# More labels under a chart would run into each other.
_LABELS = 8
_LINES = 4
OTHERS = 3


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a chart with its words and the way to its records, if there is one."""

    number: Number
    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What stands at one place of the axis: a value for each series."""

    label: str
    name: str
    values: tuple[Value, ...]


def columns(steps: Sequence[Step], series: Sequence[str], short: Callable[[Number], str]) -> dict[str, Any]:
    """Columns that stand on each other, one for each step."""
    top, ticks = _scale([sum(max(v.number, 0) for v in one.values) for one in steps], short)
    width = 100 / max(len(steps), 1)
    marks = []
    for place, step in enumerate(steps):
        base = 100.0
        for number, value in enumerate(step.values):
            height = 100 * float(max(value.number, 0)) / top
            if height:
                base -= height
                marks.append(
                    {
                        "cls": f"s{number + 1}", "x": round(width * (place + 0.2), 2), "y": round(base, 2),
                        "w": round(width * 0.6, 2), "h": round(max(height - 0.5, 0.5), 2), "url": value.url,
                        "label": _said(step, series, number, value),
                    }
                )  # fmt: skip
    return {"kind": "columns", "marks": marks, **_around(steps, series, ticks)}


def lines(steps: Sequence[Step], series: Sequence[str], short: Callable[[Number], str]) -> dict[str, Any]:
    """A line for each series, with a point for each step."""
    top, ticks = _scale([max((v.number for v in one.values), default=0) for one in steps], short)
    width = 100 / max(len(steps), 1)
    drawn = []
    for number in range(len(series)):
        points = [
            {
                "x": round(width * (place + 0.5), 2),
                "y": round(100 - 100 * float(max(step.values[number].number, 0)) / top, 2),
                "url": step.values[number].url,
                "label": _said(step, series, number, step.values[number]),
            }
            for place, step in enumerate(steps)
        ]
        drawn.append({"cls": f"n{number + 1}", "points": points})
    return {"kind": "lines", "lines": drawn, **_around(steps, series, ticks)}


def bars(rows: Sequence[tuple[str, Value]], *, funnel: bool = False) -> dict[str, Any]:
    """Bars below each other; of a funnel each in the middle, with its share of all."""
    top = float(max([value.number for _, value in rows], default=0)) or 1.0
    every = float(sum(max(value.number, 0) for _, value in rows)) or 1.0
    drawn = []
    for label, value in rows:
        width = max(100 * float(max(value.number, 0)) / top, 0.5)
        drawn.append(
            {
                "label": label, "text": value.text, "url": value.url, "w": round(width, 2),
                "x": round((100 - width) / 2, 2) if funnel else 0,
                "share": f"{100 * float(max(value.number, 0)) / every:.0f}%" if funnel else "",
            }
        )  # fmt: skip
    return {"kind": "funnel" if funnel else "bars", "rows": drawn}


def spark(numbers: Sequence[Number]) -> str:
    """The points of a small line without words, in a box of 120 by 30."""
    low, high = min(numbers), max(numbers)
    span = float(high - low) or 1.0
    step = 120 / max(len(numbers) - 1, 1)
    return " ".join(
        f"{round(place * step, 1)},{round(26 - 22 * float(one - low) / span, 1)}" for place, one in enumerate(numbers)
    )


def _scale(tops: Sequence[Number], short: Callable[[Number], str]) -> tuple[float, list[str]]:
    """The height of a chart in its own units, a round one, and the words of its lines from the top down."""
    most = max([float(one) for one in tops], default=0) / (_LINES - 1)
    size = 1.0
    while 5 * size < most:
        size *= 10
    step = next(size * factor for factor in (1, 2, 5) if size * factor >= most)
    return step * (_LINES - 1), [short(round(step * place)) for place in range(_LINES - 1, -1, -1)]


def _around(steps: Sequence[Step], series: Sequence[str], ticks: list[str]) -> dict[str, Any]:
    """What stands beside a chart: its axes, its key, and the same as a table."""
    every = -(-len(steps) // _LABELS)
    last = len(steps) - 1
    return {
        "ticks": ticks,
        "labels": [one.label if (last - place) % every == 0 else "" for place, one in enumerate(steps)],
        "series": [{"label": label, "cls": f"s{number}"} for number, label in enumerate(series, 1) if label],
        "table": [{"name": one.name, "values": one.values} for one in steps],
    }


def _said(step: Step, series: Sequence[str], number: int, value: Value) -> str:
    if series[number]:
        return _("{step}, {part}: {value}", step=step.name, part=series[number], value=value.text)
    return _("{step}: {value}", step=step.name, value=value.text)

"""Medians, limits and the lines they are printed on. Does not belong here: what is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

# Design goal: twice the bare query with a minimal render, plus this.
EXTRA_MS = 3.0


@dataclass(slots=True)
class Score:
    """Goals met and missed so far."""

    met: int = 0
    missed: int = 0

    def note(self, good: bool) -> str:
        self.met += good
        self.missed += not good
        return "ok" if good else "MISSED"


clock = time.perf_counter


def use_processor_time() -> None:
    """Count this process's time on the processor, for a machine that is busy with other things. Leaves out a database
    server's.
    """
    global clock
    clock = time.process_time


def milliseconds(run: Callable[[], object]) -> float:
    start = clock()
    run()
    return (clock() - start) * 1000


def medians(runs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each; they take turns, so that a busy machine slows all alike."""
    for run in runs.values():
        run()
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(milliseconds(run))
    return {name: statistics.median(times) for name, times in taken.items()}


def line(
    engine: str, who: str, what: str, ours: float, bare: float | None, score: Score, *, extra: float = EXTRA_MS
) -> None:
    """One figure against the limit of the design."""
    text = f"{engine:<10} {who:<6} {what:<28} {ours:8.2f} ms"
    if bare is not None:
        limit = 2 * bare + extra
        text += (
            f"   bare {bare:7.2f} ms   {ours / limit:5.2f}x of the limit {limit:6.2f} ms   {score.note(ours <= limit)}"
        )
    print(text, flush=True)


def against(engine: str, peer: str, what: str, theirs: float, ours: float, goal: float, score: Score) -> None:
    """One figure of a peer, as a multiple of ours."""
    ratio = theirs / ours
    print(
        f"{engine:<10} {peer:<24} {what:<24} {theirs:9.2f} ms   {ratio:7.1f}x ours ({ours:.2f} ms), "
        f"goal {goal:.0f}x   {score.note(ratio >= goal)}",
        flush=True,
    )

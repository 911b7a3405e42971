"""`make bench [BENCH=lists]`: prints each figure on a line with its unit and its ratio; exits with 1 when a goal is
missed.
"""

from __future__ import annotations

import argparse
import sys

from benchmarks import bookings, exports, fields, imports, lists, mail, measure, peers, search
from benchmarks.measure import Score

SUITES = {
    "lists": lists.run,
    "fields": fields.run,
    "search": search.run,
    "export": exports.run,
    "import": imports.run,
    "mail": mail.run,
    "bookings": bookings.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of: {', '.join(SUITES)} (default: all)")
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--workspaces", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument(
        "--cpu", action="store_true", help="processor time instead of the clock, on a busy machine; fair on SQLite only"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave out the peers, which take most of the time")
    wanted = parser.parse_args()
    unknown = set(wanted.suites) - SUITES.keys()
    if unknown:
        parser.error(f"there is no suite {', '.join(sorted(unknown))}; choose from {', '.join(SUITES)}")
    if wanted.cpu:
        measure.use_processor_time()
    if wanted.no_peers:
        peers.leave_out()
    score = Score()
    for name in wanted.suites or SUITES:
        print(
            f"\n{name}: {wanted.contacts:,} contacts, {wanted.workspaces} workspaces, median of {wanted.rounds}",
            flush=True,
        )
        SUITES[name](wanted.contacts, wanted.workspaces, wanted.rounds, score)
    print(f"\n{score.met} goals met, {score.missed} missed")
    return 1 if score.missed else 0


if __name__ == "__main__":
    sys.exit(main())

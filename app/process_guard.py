"""Ends what a supervisor started, also when the supervisor itself was killed.

Every child leads a process group and carries a mark in its environment. The guard is a small process of its own session
that reads from a pipe which groups came and went; at the end of the pipe the supervisor is gone, and the guard ends the
groups, and the marked processes that had left their group. Here: finding and ending. Not here: what runs
(`app.supervisor`).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

MARK = "CRM_SUPERVISOR"
GRACE_SECONDS = 5.0
PR_SET_PDEATHSIG = 1


def start_guard(mark: str) -> subprocess.Popen[bytes]:
    """Starts the guard for a mark. Its stdin is the pipe: `+GROUP` and `-GROUP` lines, closed at the end."""
    command = [sys.executable, "-S", str(Path(__file__).resolve()), mark]
    return subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0, start_new_session=True)


def end_with_parent(parent: int) -> None:
    """Called in a child before it becomes its program: Linux then sends it SIGTERM when its parent ends.

    The guard alone would do; this covers the case that both the supervisor and its guard are killed.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


def marked(mark: str) -> list[int]:
    """Process ids of this user whose environment carries the mark, without the caller's."""
    found = _marked_linux(mark) if sys.platform == "linux" else _marked_ps(mark)
    return [pid for pid in found if pid != os.getpid()]


def end_all(mark: str, groups: set[int], grace: float = GRACE_SECONDS) -> None:
    """Asks the groups and every marked process to end, waits up to `grace` seconds, then kills the rest."""
    for group in groups:
        signal_group(group, signal.SIGTERM)
    _signal_each(marked(mark), signal.SIGTERM)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and (marked(mark) or any(signal_group(group, 0) for group in groups)):
        time.sleep(0.05)
    for group in groups:
        signal_group(group, signal.SIGKILL)
    while remaining := marked(mark):
        _signal_each(remaining, signal.SIGKILL)
        time.sleep(0.02)


def signal_group(group: int, number: int) -> bool:
    """Returns whether the group was there. macOS answers with PermissionError where only zombies are left."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _marked_linux(mark: str) -> list[int]:
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            environment = Path(entry.path, "environ").read_bytes()
        except OSError:
            continue  # it ended meanwhile, or belongs to somebody else
        if wanted in environment.split(b"\0"):
            found.append(int(entry.name))
    return found


def _marked_ps(mark: str) -> list[int]:
    listing = subprocess.run(
        ["ps", "-A", "-E", "-ww", "-o", "pid=,command="], capture_output=True, text=True, check=False
    )
    wanted = f"{MARK}={mark}"
    return [int(line.split(None, 1)[0]) for line in listing.stdout.splitlines() if wanted in line.split()]


def _signal_each(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _groups_until_the_end(lines: Iterable[str]) -> set[int]:
    """Reads `+GROUP` and `-GROUP` lines to the end; returns the groups that are left."""
    groups: set[int] = set()
    for line in lines:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    return groups


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_all(sys.argv[1], _groups_until_the_end(sys.stdin))


if __name__ == "__main__":
    main()

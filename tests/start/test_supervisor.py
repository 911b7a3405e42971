"""The supervisor with tiny stand-in programs: they come back when killed, and nothing survives the supervisor."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.process_guard import marked, signal_group
from app.supervisor import FIRST_DELAY, LONGEST_DELAY, STABLE_SECONDS, Child

ROOT = Path(__file__).resolve().parents[2]
# Writes its process id, starts a grandchild that leaves the process group, and then waits.
PROGRAM = """
import os, subprocess, sys, time
folder, name = sys.argv[1:]
if not name.endswith("-grandchild"):
    command = [sys.executable, "-c", open(folder + "/program").read(), folder, name + "-grandchild"]
    subprocess.Popen(command, start_new_session=True)
with open(f"{folder}/{name}.{os.getpid()}", "w"):
    time.sleep(600)
"""
SUPERVISED = """
import sys
from pathlib import Path
from app.supervisor import Supervisor
folder = sys.argv[1]
supervisor = Supervisor(lambda line: print(line, flush=True))
for name in ("web", "worker"):
    supervisor.start(name, [sys.executable, "-c", Path(folder, "program").read_text(), folder, name])
print(supervisor.mark, supervisor.guard.pid, flush=True)
supervisor.run()
supervisor.stop()
print("stopped", flush=True)
"""


class Run:
    """A supervisor in its own process, seen from outside by process ids."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        Path(folder, "program").write_text(PROGRAM)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.lines = self.process.stdout
        self.mark, guard = self.lines.readline().split()
        self.guard = int(guard)

    def pids(self, name: str) -> list[int]:
        found = [int(path.suffix[1:]) for path in self.folder.glob(f"{name}.*")]
        return [pid for pid in found if is_running(pid)]

    def wait_for(self, condition: Callable[[], object], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"still running: {marked(self.mark)}"
            time.sleep(0.02)

    def wait_for_all(self) -> None:
        self.wait_for(lambda: all(self.pids(n) for n in ("web", "worker", "web-grandchild", "worker-grandchild")))


def is_running(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path)
    started.wait_for_all()
    yield started
    started.process.kill()
    started.process.communicate()
    started.wait_for(lambda: not marked(started.mark))


def test_a_killed_program_comes_back_and_the_others_stay(run: Run) -> None:
    (web,), (worker,) = run.pids("web"), run.pids("worker")
    os.kill(web, signal.SIGKILL)
    assert run.lines.readline() == f"web was ended by SIGKILL; it starts again in {FIRST_DELAY:g} s.\n"
    run.wait_for(lambda: run.pids("web") not in ([], [web]))
    assert run.pids("worker") == [worker]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_signal_ends_programs_and_what_they_left_behind(run: Run, number: signal.Signals) -> None:
    run.process.send_signal(number)
    assert run.lines.readline() == "stopped\n"
    assert run.process.wait(10) == 0
    assert marked(run.mark) == []
    assert not is_running(run.guard)


def test_a_killed_supervisor_leaves_nothing_running(run: Run) -> None:
    run.process.kill()
    run.wait_for(lambda: not marked(run.mark))
    assert [pid for name in ("web", "worker", "web-grandchild") for pid in run.pids(name)] == []
    run.wait_for(lambda: not is_running(run.guard))


def test_a_killed_guard_is_replaced_so_that_a_later_kill_leaves_nothing(run: Run) -> None:
    os.kill(run.guard, signal.SIGKILL)
    run.wait_for(lambda: [pid for pid in children_of(run.process.pid) if is_guard(pid) and pid != run.guard])
    run.process.kill()
    run.wait_for(lambda: not marked(run.mark))
    assert run.pids("worker-grandchild") == []


def test_delays_double_to_a_limit_and_begin_anew_after_a_stable_run() -> None:
    child = Child("web", ["true"])
    delays = [child.next_delay(lasted=0.1) for _ in range(9)]
    assert delays[:4] == [FIRST_DELAY, FIRST_DELAY * 2, FIRST_DELAY * 4, FIRST_DELAY * 8]
    assert delays[-1] == LONGEST_DELAY
    assert child.next_delay(lasted=STABLE_SECONDS) == FIRST_DELAY


def test_a_group_that_is_gone_is_no_error() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""], start_new_session=True)
    process.wait()
    assert signal_group(process.pid, signal.SIGKILL) is False


def children_of(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listing.splitlines() if int(line.split()[1]) == pid]


def is_guard(pid: int) -> bool:
    command = subprocess.run(["ps", "-o", "command=", "-ww", "-p", str(pid)], capture_output=True, text=True).stdout
    return "process_guard" in command

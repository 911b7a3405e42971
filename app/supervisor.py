"""Keeps a set of programs running: starts them, brings back those that end, ends all of them together.

Here: processes and signals. Not here: which programs make up the product (`app.start`). Imports nothing heavy, so that
a start costs milliseconds.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.process_guard import MARK, end_all, end_with_parent, signal_group, start_guard

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STABLE_SECONDS = 60.0
STOP_SECONDS = 10.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass
class Child:
    """One program. `failures` counts ends since it last ran for STABLE_SECONDS."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0

    def next_delay(self, lasted: float) -> float:
        """Seconds to wait before the next start, doubling from FIRST_DELAY to LONGEST_DELAY."""
        self.failures = 1 if lasted >= STABLE_SECONDS else self.failures + 1
        return float(min(FIRST_DELAY * 2 ** (self.failures - 1), LONGEST_DELAY))


class Supervisor:
    """Owns children from `start` to `stop`; one thread, driven by signals."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` takes a line for the person who reads the terminal."""
        self.say = say
        self.mark = uuid.uuid4().hex
        self.children: list[Child] = []
        self.stopping = False
        self.guard = start_guard(self.mark)
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_stop_signal)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Starts a program and keeps it running until `stop`. `environment` is added to this process's own."""
        child = Child(name, command, environment or {})
        self.children.append(child)
        self._spawn(child)
        return child

    def run_once(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Runs a program to its end under the same protection; returns its exit code and what it wrote to stdout."""
        with tempfile.TemporaryFile() as output:
            process = self._popen(command, environment or {}, stdout=output.fileno())
            self.run_until(lambda: process.poll() is not None)
            _end(process, time.monotonic() + STOP_SECONDS)
            self._tell_guard("-", process.pid)
            output.seek(0)
            return process.returncode, output.read().decode(errors="replace")

    def run_until(self, done: Callable[[], bool], timeout: float | None = None, step: float = 0.05) -> bool:
        """Keeps the children until `done` or a stop signal; returns whether it was done within `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.stopping:
            if done():
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._tend()
            self._wait(step)
        return False

    def run(self) -> None:
        """Keeps the children until a stop signal arrives."""
        self.run_until(lambda: False, step=1.0)

    def stop(self) -> None:
        """Ends the children, the last started first, then whatever they left behind, then the guard."""
        self.stopping = True
        deadline = time.monotonic() + STOP_SECONDS
        for child in reversed(self.children):
            _end(child.process, deadline)
        end_all(self.mark, set(), grace=1.0)
        signal.set_wakeup_fd(-1)
        self.guard.communicate()

    # Inside

    def _on_stop_signal(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _popen(
        self, command: Sequence[str], environment: Mapping[str, str], stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        parent = os.getpid()
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment, MARK: self.mark},
            stdin=subprocess.DEVNULL,
            # The terminal shows the address and the link on stdout; the programs' logs go to stderr.
            stdout=stdout if stdout is not None else sys.stderr.fileno(),
            start_new_session=True,
            preexec_fn=lambda: end_with_parent(parent),
        )
        self._tell_guard("+", process.pid)
        return process

    def _tell_guard(self, sign: str, group: int) -> None:
        """A guard that was killed is replaced by `_tend`, which tells the new one about every child."""
        if self.guard.stdin is None:
            return
        try:
            self.guard.stdin.write(f"{sign}{group}\n".encode())
        except BrokenPipeError:
            return

    def _spawn(self, child: Child) -> None:
        child.process = self._popen(child.command, child.environment)
        child.started = time.monotonic()

    def _tend(self) -> None:
        now = time.monotonic()
        for child in self.children:
            if child.process is None:
                if now >= child.due:
                    self._spawn(child)
            elif child.process.poll() is not None:
                self._note_end(child, child.process, now)
        if self.guard.poll() is not None:
            self.guard = start_guard(self.mark)
            for child in self.children:
                if child.process is not None:
                    self._tell_guard("+", child.process.pid)

    def _note_end(self, child: Child, process: subprocess.Popen[bytes], now: float) -> None:
        signal_group(process.pid, signal.SIGKILL)
        self._tell_guard("-", process.pid)
        code, delay = process.returncode, child.next_delay(now - child.started)
        child.process, child.due = None, now + delay
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        self.say(f"{child.name} {how}; it starts again in {delay:g} s.")

    def _wait(self, seconds: float) -> None:
        pending = [child.due - time.monotonic() for child in self.children if child.process is None]
        timeout = max(0.0, min([seconds, *pending]))
        if select.select([self._wake_read], [], [], timeout)[0]:
            os.read(self._wake_read, 512)


def _end(process: subprocess.Popen[bytes] | None, deadline: float) -> None:
    if process is None:
        return
    process.terminate()
    try:
        process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    signal_group(process.pid, signal.SIGKILL)

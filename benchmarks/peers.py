"""Two peers on the same rows: a tuned Django admin and Flask-AppBuilder as it comes, in a virtual environment of their
own.

The environment is made once from peers.txt; without a network it can't be, and then the peers are left out, loudly.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks import measure as own
from benchmarks.data import FOLDER, Database

_HERE = Path(__file__).resolve().parent
_PEERS = {"Django admin, tuned": "peer_django.py", "Flask-AppBuilder, stock": "peer_fab.py"}


def leave_out() -> None:
    """Measure only ourselves, against the bare query."""
    _PEERS.clear()


def measure(
    database: Database, asked: dict[str, int], word: str, deep_pages: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Peer -> case -> median milliseconds."""
    python = _python() if _PEERS else None
    if python is None:
        return {}
    order = json.dumps(
        {
            **asked,
            "url": database.owner,
            "word": word,
            "deep": deep_pages,
            "rounds": rounds,
            "folder": str(FOLDER),
            "clock": own.clock.__name__,
        }
    )
    found = {}
    for name, script in _PEERS.items():
        done = subprocess.run([str(python), str(_HERE / script), order], capture_output=True, text=True)
        if done.returncode:
            print(f"NOT MEASURED: {name} failed:\n{done.stderr[-2000:]}", flush=True)
            continue
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def _python() -> Path | None:
    """The interpreter of the peers' environment."""
    pins = _HERE / "peers.txt"
    folder = FOLDER / f"peers-{hashlib.sha256(pins.read_bytes()).hexdigest()[:10]}"
    python = folder / "bin" / "python"
    if (folder / "whole").exists():
        return python
    print("Installing the peers, once.", flush=True)
    venv.create(folder, clear=True, with_pip=False)
    # The pip of this environment installs into the other one: Debian's venv brings none.
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        str(pins),
    ]
    done = subprocess.run(install, capture_output=True, text=True, env=os.environ | {"PIP_NO_INPUT": "1"})
    if done.returncode:
        print(f"NOT MEASURED: the peers could not be installed:\n{done.stderr[-1500:]}", flush=True)
        return None
    (folder / "whole").touch()
    return python

"""Starts the whole product in the foreground: `make run`, or `python run.py` in an environment that is installed."""

import os
import sys

from app.database_state import DatabaseError
from app.start import StartError, run
from config import ConfigError


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Returns the exit code: 0 after a stop signal, 1 where the start was refused."""
    try:
        run(os.environ, say)
    except (ConfigError, DatabaseError, StartError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

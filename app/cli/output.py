"""What every command prints: lines for people, or one JSON object on stdout with `--json`; errors on stderr, exit
code 1.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import click

from app.errors import DomainError

Command = Callable[..., dict[str, Any]]


def prints(command: Command) -> Callable[..., None]:
    """A command that returns a dictionary: printed as JSON or as lines; a `DomainError` becomes its sentence and
    exit code 1.
    """

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @functools.wraps(command)
    def run(*args: Any, as_json: bool, **kwargs: Any) -> None:
        try:
            found = command(*args, **kwargs)
        except DomainError as error:
            raise click.ClickException(error.message) from None
        if as_json:
            click.echo(json.dumps(found, default=str))
        else:
            for name, value in found.items():
                click.echo(f"{name}: {value}")

    return run

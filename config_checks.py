"""Reads single values of the environment, and refuses wrong ones with a sentence that says what to set.

Does not belong here: which variables there are (`config`, `config_inbound`).
"""

import re
from collections.abc import Mapping
from pathlib import Path

SECRET_BYTES = 32
# Words of examples, tutorials and placeholders: they add nothing that can't be guessed.
GUESSABLE = re.compile(
    r"secret|password|change[-_ ]?me|default|example|insecure|your[-_ ]?|test|dev|key|0123456789|1234567890|abcdef"
)
TRUE_WORDS = {"1", "true", "yes", "on"}
FALSE_WORDS = {"0", "false", "no", "off", ""}


class ConfigError(RuntimeError):
    """The environment can't be started with; the message says which variable to set and to what."""


def switch(env: Mapping[str, str], name: str, default: bool) -> bool:
    """Reads on/off, yes/no, true/false, 1/0."""
    if name not in env:
        return default
    word = env[name].strip().lower()
    if word in TRUE_WORDS | FALSE_WORDS:
        return word in TRUE_WORDS
    raise ConfigError(f"{name} is {env[name]!r}. Set it to on or off.")


def whole_number(env: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """Reads a whole number between low and high, both included."""
    text = env.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigError(f"{name} is {text!r}. Set it to a whole number from {low} to {high}.")
    return int(text)


def database_url(url: str) -> str:
    """Names the driver we ship: postgres:// and postgresql:// become postgresql+psycopg://. A SQLite file gets its full
    path, as migrations and the application would each look for a relative one in another folder."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite":
        path, mark, options = rest.removeprefix("/").partition("?")
        return url if path in ("", ":memory:") else f"sqlite:///{Path(path).absolute()}{mark}{options}"
    raise ConfigError(
        f"DATABASE_URL begins with {scheme!r}. Set it to postgresql://user:password@host/name or sqlite:////path/file."
    )


def check_secret(name: str, value: str) -> str:
    """Returns a secret that is long and varied enough; raises ConfigError with the command that makes one."""
    advice = f"Set {name} to the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
    if len(value.encode()) < SECRET_BYTES:
        raise ConfigError(f"{name} is missing or shorter than {SECRET_BYTES} bytes. {advice}")
    unguessable = GUESSABLE.sub("", value.lower())
    if len(set(unguessable)) < 10 or len(unguessable) < SECRET_BYTES // 2:
        raise ConfigError(f"{name} is an example value or easy to guess. {advice}")
    return value

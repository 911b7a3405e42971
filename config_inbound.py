"""The settings of mail that comes in: the domain of its addresses, where the listener listens, what it takes.

Does not belong here: anything that imports more than the standard library, as the supervisor reads this too.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from config_checks import ConfigError, whole_number

MEGABYTE = 1024 * 1024
SCHEMES = ("smtp", "lmtp", "lmtp+unix")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# A local part has 64 characters, a path between angle brackets 256 (RFC 5321, 4.5.3.1).
_LONGEST_DOMAIN = 189


def load(env: Mapping[str, str]) -> dict[str, Any]:
    """INBOUND_DOMAIN names the addresses that bounces, replies and unsubscriptions come to; without it none is given
    out, and no listener is started. Raises ConfigError."""
    domain = env.get("INBOUND_DOMAIN", "").lower().rstrip(".")
    if domain and (len(domain) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(domain)):
        raise ConfigError(f"INBOUND_DOMAIN is {domain!r}. Set it to a domain of your own, as in in.crm.example.com.")
    return {
        "INBOUND_DOMAIN": domain,
        "INBOUND_LISTEN": _listen(env.get("INBOUND_LISTEN", "lmtp://127.0.0.1:8024")),
        "INBOUND_MAX_BYTES": whole_number(env, "INBOUND_MAX_BYTES", 25 * MEGABYTE, 64 * 1024, 100 * MEGABYTE),
        "INBOUND_CONNECTIONS": whole_number(env, "INBOUND_CONNECTIONS", 50, 1, 10_000),
        "INBOUND_HOOK_SECRETS": _secrets(env.get("INBOUND_HOOK_SECRETS", "")),
    }


def _listen(url: str) -> str:
    parts = urlsplit(url)
    try:
        whole = parts.scheme in SCHEMES and bool(
            parts.path.startswith("/") if parts.scheme == "lmtp+unix" else parts.hostname and parts.port
        )
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError(
            f"INBOUND_LISTEN is {url!r}. Set it to smtp://HOST:PORT, lmtp://HOST:PORT or lmtp+unix:///path/of/socket."
        )
    return url


def _secrets(text: str) -> tuple[str, ...]:
    """ "whsec_A,whsec_B": those that sign what a mail provider posts; several while one replaces the other."""
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for secret in found:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not secret.startswith("whsec_") or not 24 <= len(key) <= 64:
            raise ConfigError(
                "INBOUND_HOOK_SECRETS is malformed. Set it to whsec_ and the output of: openssl rand -base64 32"
            )
    return found

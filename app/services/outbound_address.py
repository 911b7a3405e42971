"""Which addresses somebody may have us call: the web address as typed, and the network address its name leads to.

Pure: no database, no request, no look-up. The rules keep a webhook or a provider from leading us to the machines behind
ours (server-side request forgery): https to a public address, on the usual ports, but for servers that the operator
named. Sources: IANA's registries of special-purpose addresses (RFC 6890), NAT64 (RFC 6052, 8215), 6to4 (RFC 3056),
Teredo (RFC 4380).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from models.words import _

PORTS = frozenset({443, 8443})
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\Z")
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
# What IANA gives to the public; all else of version 6 is local, mapped, translated or not given out.
_PUBLIC6 = ipaddress.ip_network("2000::/3")
_SPECIAL = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        # Where a cloud tells its machines who they are, outside the ranges above.
        "168.63.129.16/32",
        # Teredo and other protocols, documentation, 6to4, documentation again.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect and what to ask for. `path` is ready for a request line. `trusted` where the operator named this
    very server: wherever its name leads may be called.
    """

    secure: bool
    host: str
    port: int
    path: str
    trusted: bool = False

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def read(url: str, *, local: bool = False, servers: Collection[str] = ()) -> Target:
    """The parts of an address that may be called; raises ValueError with a sentence. `local` also lets this machine be
    named, with http and any port, for trying things out; `servers` ("host:port") are those that the operator lets be
    called, wherever they are.
    """
    if _UNSAFE.search(url):
        raise ValueError(_("This address holds a character that has no place in it."))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_("This is no web address. Example: https://hooks.example.com/crm")) from None
    if "@" in parts.netloc:
        raise ValueError(_("Leave user name and password out of the address."))
    host = _host(parts.hostname or "")
    port = (443 if parts.scheme == "https" else 80) if port is None else port
    trusted = f"{host}:{port}" in servers
    free = trusted or (local and is_local_name(host))
    if parts.scheme != "https" and not (free and parts.scheme == "http"):
        raise ValueError(_("The address must begin with https://, as it carries people's data."))
    if port not in PORTS and not free:
        raise ValueError(_("Only the ports 443 and 8443 are called."))
    if _is_forbidden_name(host) and not free:
        raise ValueError(
            _("This address leads to this machine or a private network. Use one that the internet reaches.")
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    return Target(parts.scheme == "https", host, port, f"{path}?{query}" if query else path, trusted)


def may_connect(address: str, *, local: bool = False) -> bool:
    """Whether a network address, in numbers, is public; with `local` also whether it is this machine."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if local and found.is_loopback:
        return True
    if isinstance(found, ipaddress.IPv6Address) and found not in _PUBLIC6:
        return False
    if any(found.version == network.version and found in network for network in _SPECIAL):
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def is_local_name(host: str) -> bool:
    """Whether a host names this machine: "localhost", or a loopback address in its usual form."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(name: str) -> str:
    """A host in ASCII and lower case, without the final dot."""
    host = name.removesuffix(".").lower()
    if ":" in host:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise ValueError(_("This is no web address. Example: https://hooks.example.com/crm")) from None
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if not _NAME.match(host):
        raise ValueError(_("This is no web address. Example: https://hooks.example.com/crm"))
    return host


def _is_forbidden_name(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not may_connect(str(ipaddress.ip_address(host)))
    except ValueError:
        return False

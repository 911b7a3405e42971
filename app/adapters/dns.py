"""Asks the domain name system, within a time limit. Does not belong here: what the answers mean."""

from __future__ import annotations

import dns.exception
import dns.resolver

from app import adapters
from models.policy import Purpose
from models.words import _

SECONDS = 6.0


class NoAnswer(Exception):
    """The question was not answered in time, or not at all; the name may well have what was asked for."""


def texts(name: str, *, purpose: Purpose, server: str = "") -> list[str]:
    """The TXT records of a name (RFC 1035), their parts joined as RFC 6376 3.6.2.2 says; empty if it has none.

    `server` ("address:port") is asked in place of the machine's own. Raises `NoAnswer`, `app.adapters.NoPurpose`.
    """
    adapters.call(purpose, "dns")
    try:
        resolver = dns.resolver.Resolver(configure=not server)
        if server:
            host, _colon, port = server.rpartition(":")
            resolver.nameservers, resolver.port = [host], int(port)
        found = resolver.resolve(name, "TXT", lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise NoAnswer(_("The domain's name servers did not answer: {error}", error=type(error).__name__)) from error
    return [b"".join(one.strings).decode("ascii", "replace") for one in found]

"""Signs e-mail for a domain (RFC 6376, relaxed/relaxed, rsa-sha256 as RFC 8301 asks).

With `cryptography`, as pure-Python RSA takes five times as long; an independent verifier checks it in the tests. Does
not belong here: making keys (`app.services.dkim_keys`), and which domain has which (`app.services.sending`).
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SPACE = re.compile(rb"[ \t]+")
_FOLDED = re.compile(r"\r\n[ \t]+|[ \t]+")


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a domain: `pem` is PKCS 8, unencrypted."""

    domain: str
    selector: str
    pem: str


def sign(head: Sequence[tuple[str, str]], body: bytes, key: Key) -> str:
    """The value of DKIM-Signature over all of `head` and `body`. From is named twice, so that a second one that is put
    in later breaks the signature."""
    names = ":".join([*(name for name, _ in head), "From"])
    digest = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
    value = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={key.domain}; s={key.selector};\r\n t={int(time.time())};"
        f" h={names.replace(':', f':{_FOLD}')};\r\n bh={digest};\r\n b="
    )
    # RFC 6376, 5.4.2: of a header that occurs once, the second name signs its absence, which adds nothing to the text.
    lines = [_relaxed_header(name, text) for name, text in head]
    signed = "".join(f"{line}\r\n" for line in lines) + _relaxed_header("DKIM-Signature", value)
    signature = base64.b64encode(
        _private(key.pem).sign(signed.encode("ascii"), padding.PKCS1v15(), hashes.SHA256())
    ).decode()
    return value + "\r\n ".join(signature[at : at + 72] for at in range(0, len(signature), 72))


_FOLD = "\r\n "


def _relaxed_header(name: str, value: str) -> str:
    return f"{name.lower()}:{_FOLDED.sub(' ', value).strip()}"


def _relaxed_body(body: bytes) -> bytes:
    lines = _SPACE.sub(b" ", body).replace(b" \r\n", b"\r\n").rstrip(b"\r\n")
    return lines + b"\r\n" if lines else b""


@lru_cache(maxsize=256)
def _private(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("Mail is signed with RSA keys only.")
    return key

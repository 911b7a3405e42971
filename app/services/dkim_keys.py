"""Keys that sign e-mail for a domain, and the record that publishes them (RFC 6376; 2048 bits as RFC 8301 asks).

Does not belong here: signing (`app.adapters.dkim_signer`).
"""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


def new_pair() -> tuple[str, str]:
    """A private key (PKCS 8 in PEM), and the text of its DNS record at <selector>._domainkey.<domain> (RFC 6376,
    3.6.1)."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return pem, f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def public_part(record: str) -> str:
    """The tag p of a record, without the spaces that a tool may have put in."""
    parts = (part.partition("=") for part in record.split(";"))
    return "".join({name.strip(): value for name, _equals, value in parts}.get("p", "").split())

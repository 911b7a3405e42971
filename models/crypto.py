"""Keys and the few cryptographic acts of the product: seal, derive, keyed hash, sign.

Belongs here: the keyring and pure functions over it. Does not belong here: which columns are sealed
(`models.encrypted`), links (`models.signed`), where keys come from (`config`), or passwords (Argon2id, at the sign-in).

A ring holds a root (PEPPER), a signing key (AUDIT_KEY) and sealing keys (DATA_KEYS). The root never rotates, as what
it derives (hashes of API keys) cannot be made again from stored data. Sealing keys do: the first seals, all of them
open. Sources: AES-256-GCM (NIST SP 800-38D, at most 2**32 seals per key), HKDF (RFC 5869), HMAC (RFC 2104),
Ed25519 (RFC 8032).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
DATA_KEY_AAD = b"data-key"

KeyMap = Mapping[str, bytes]

_VERSION = b"\x01"
_DATA_VERSION = b"\x02"
_ID_BYTES = 4
_HEADER = len(_VERSION) + _ID_BYTES
_NONCE = 12
_TAG = 16


class CryptoError(Exception):
    """Base of what this module raises."""


class Tampered(CryptoError):
    """The sealed bytes, or the place they claim to belong to, are not what was sealed."""


class UnknownKey(CryptoError):
    """The sealed bytes name a key that this ring does not hold."""


class BadKeys(CryptoError):
    """Keys are missing, malformed or readable by others; the sentence says what to do."""


class DataKey:
    """The key of one subject. What it seals becomes unreadable for ever once the wrapped key is destroyed."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return _DATA_VERSION + nonce + self._cipher.encrypt(nonce, plaintext, _DATA_VERSION + aad)

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        """The plaintext; raises `Tampered`."""
        if len(blob) < 1 + _NONCE + _TAG or blob[:1] != _DATA_VERSION:
            raise Tampered("This value was not sealed with a data key.")
        return _decrypt(self._cipher, blob[1 : 1 + _NONCE], blob[1 + _NONCE :], _DATA_VERSION + aad)


class Keyring:
    """The keys of one deployment, each of 32 random bytes.

    `keys` maps whole numbers, as text, to sealing keys, the current one first. `reload` reads them again, so that a
    process that runs takes up a key that another one has added.
    """

    def __init__(
        self, root: bytes, keys: KeyMap, *, signing: bytes | None = None, reload: Callable[[], KeyMap] | None = None
    ) -> None:
        _check(root)
        self._root = root
        self._reload = reload
        self._derived: dict[str, bytes] = {}
        self._ciphers: dict[bytes, AESGCM] = {}
        self._prefix = b""
        self._hold(keys)
        self._signer = Ed25519PrivateKey.from_private_bytes(signing or self.derive("ed25519 signing key"))

    @property
    def current(self) -> str:
        """The id of the key that seals now."""
        return _id_text(self._prefix[1:])

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys that open, the current one first."""
        return tuple(_id_text(raw) for raw in self._ciphers)

    @property
    def prefix(self) -> bytes:
        """What every blob sealed with the current key begins with; lets a query find those that are not."""
        return self._prefix

    def seal(self, plaintext: bytes, *, aad: bytes) -> bytes:
        """Version (1 byte), key id (4), nonce (12), ciphertext with tag. Opens only with the same `aad`."""
        nonce = os.urandom(_NONCE)
        return self._prefix + nonce + self._current.encrypt(nonce, plaintext, self._prefix + aad)

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        """The plaintext; raises `Tampered` or `UnknownKey`."""
        if len(blob) < _HEADER + _NONCE + _TAG or blob[:1] != _VERSION:
            raise Tampered("This is not a sealed value.")
        header = blob[:_HEADER]
        cipher = self._cipher(header[1:])
        return _decrypt(cipher, blob[_HEADER : _HEADER + _NONCE], blob[_HEADER + _NONCE :], header + aad)

    def needs_rotation(self, blob: bytes) -> bool:
        return blob[:_HEADER] != self._prefix

    def reseal(self, blob: bytes, *, aad: bytes) -> bytes:
        """The same content under the current key; raises as `open` does."""
        return self.seal(self.open(blob, aad=aad), aad=aad)

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to one purpose and stay the same as long as the root does."""
        if not purpose:
            raise ValueError("A derived key needs its purpose.")
        found = self._derived.get(purpose)
        if found is None:
            found = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose.encode()).derive(self._root)
            self._derived[purpose] = found
        return found

    def token_hash(self, purpose: str, token: str) -> bytes:
        """A keyed hash (32 bytes) to store in place of a random token, such as an API key. Not for passwords."""
        return hmac.digest(self.derive(f"token:{purpose}"), token.encode(), hashlib.sha256)

    def new_data_key(self, *, aad: bytes = DATA_KEY_AAD) -> bytes:
        """A fresh data key, wrapped by the ring; keep it in a column with `info={"sealed": "data-key"}`."""
        return self.seal(os.urandom(KEY_BYTES), aad=aad)

    def data_key(self, wrapped: bytes, *, aad: bytes = DATA_KEY_AAD) -> DataKey:
        return DataKey(self.open(wrapped, aad=aad))

    def sign(self, purpose: str, data: bytes) -> bytes:
        """An Ed25519 signature (64 bytes) that holds for this purpose only."""
        return self._signer.sign(_message(purpose, data))

    def verify(self, purpose: str, data: bytes, signature: bytes, *, public_key: bytes | None = None) -> bool:
        """Whether the signature is ours, or that of `public_key` (32 raw bytes) kept from an earlier root."""
        try:
            _public(public_key or self.public_key()).verify(signature, _message(purpose, data))
        except (InvalidSignature, ValueError):
            return False
        return True

    def public_key(self) -> bytes:
        """32 raw bytes; may be published, so that others can check our signatures."""
        return self._signer.public_key().public_bytes_raw()

    def refresh(self) -> None:
        """Take up keys that another process has added since; none that is held is let go."""
        if self._reload is not None:
            fresh = self._reload()
            self._hold({**fresh, **{name: key for name, key in self._keys.items() if name not in fresh}})

    def _hold(self, keys: KeyMap) -> None:
        if not keys:
            raise BadKeys("There is no key to seal with. Set DATA_KEYS, or restore the keys folder from backup.")
        self._keys = dict(keys)
        ciphers: dict[bytes, AESGCM] = {}
        for name, key in keys.items():
            _check(key)
            ciphers[_id_bytes(name)] = AESGCM(key)
        first = next(iter(ciphers))
        self._ciphers, self._current, self._prefix = ciphers, ciphers[first], _VERSION + first

    def _cipher(self, wanted: bytes) -> AESGCM:
        if wanted not in self._ciphers:
            self.refresh()
        try:
            return self._ciphers[wanted]
        except KeyError:
            raise UnknownKey(
                f"Key {_id_text(wanted)} is not among the keys. Restore it from the backup of the keys."
            ) from None


_ring: Keyring | None = None


def use(ring: Keyring) -> Keyring:
    """Make this the ring of the process; called once by the app factory."""
    global _ring
    _ring = ring
    return ring


def keyring() -> Keyring:
    """The ring of the process; raises `BadKeys` where `use` was not called."""
    if _ring is None:
        raise BadKeys("No keyring is in use. The app factory sets it with models.crypto.use().")
    return _ring


def new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def _check(key: bytes) -> None:
    if len(key) != KEY_BYTES:
        raise BadKeys(f"A key is {len(key)} bytes long and must be {KEY_BYTES}. Make one with: openssl rand -base64 32")
    if len(set(key)) < 8:
        raise BadKeys("A key is not random. Make one with: openssl rand -base64 32")


def _id_bytes(name: str) -> bytes:
    if not (name.isascii() and name.isdigit() and int(name) < 2**32):
        raise BadKeys(f"{name!r} is no key id. Number the keys from 1.")
    return int(name).to_bytes(_ID_BYTES, "big")


def _id_text(raw: bytes) -> str:
    return str(int.from_bytes(raw, "big"))


def _decrypt(cipher: AESGCM, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise Tampered("A sealed value was changed, or moved from where it belongs.") from None


def _message(purpose: str, data: bytes) -> bytes:
    name = purpose.encode()
    return len(name).to_bytes(2, "big") + name + data


@lru_cache(maxsize=16)
def _public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(raw)

"""Sealed values open for the one who may, where they belong, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import crypto
from models.crypto import BadKeys, Keyring, Tampered, UnknownKey

ROOT, FIRST, SECOND = (crypto.new_key() for _ in range(3))


@pytest.fixture(scope="module")
def ring() -> Keyring:
    return Keyring(ROOT, {"1": FIRST})


def test_a_sealed_value_opens_in_its_place_only(ring: Keyring) -> None:
    blob = ring.seal(b"smtp password", aad=b"mailbox.password")
    assert b"smtp" not in blob
    assert ring.open(blob, aad=b"mailbox.password") == b"smtp password"
    with pytest.raises(Tampered):
        ring.open(blob, aad=b"calendar.token")


@given(st.binary(max_size=200), st.binary(max_size=40), st.data())
def test_no_flipped_bit_goes_unnoticed(plaintext: bytes, aad: bytes, data: st.DataObject) -> None:
    ring = Keyring(ROOT, {"1": FIRST})
    blob = ring.seal(plaintext, aad=aad)
    bit = data.draw(st.integers(0, len(blob) * 8 - 1))
    changed = bytearray(blob)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((Tampered, UnknownKey)):
        ring.open(bytes(changed), aad=aad)
    cut = data.draw(st.integers(0, len(blob) - 1))
    with pytest.raises((Tampered, UnknownKey)):
        ring.open(blob[:cut], aad=aad)
    assert ring.open(blob, aad=aad) == plaintext


def test_the_same_text_never_seals_to_the_same_bytes(ring: Keyring) -> None:
    assert len({ring.seal(b"same", aad=b"a") for _ in range(500)}) == 500


def test_rotation_seals_with_the_new_key_and_still_opens_the_old(ring: Keyring) -> None:
    old = ring.seal(b"token", aad=b"a")
    rotated = Keyring(ROOT, {"2": SECOND, "1": FIRST})
    assert (rotated.current, rotated.ids) == ("2", ("2", "1"))
    assert rotated.needs_rotation(old)
    new = rotated.reseal(old, aad=b"a")
    assert not rotated.needs_rotation(new)
    assert rotated.open(old, aad=b"a") == rotated.open(new, aad=b"a") == b"token"
    with pytest.raises(UnknownKey, match="Key 2"):
        ring.open(new, aad=b"a")


def test_a_running_process_takes_up_a_key_that_another_added() -> None:
    keys = {"1": FIRST}
    running = Keyring(ROOT, keys, reload=lambda: keys)
    keys = {"2": SECOND, "1": FIRST}
    blob = Keyring(ROOT, keys).seal(b"new", aad=b"a")
    assert running.open(blob, aad=b"a") == b"new"
    assert running.current == "2"


def test_hashes_and_signatures_outlive_a_rotation(ring: Keyring) -> None:
    rotated = Keyring(ROOT, {"2": SECOND, "1": FIRST})
    assert ring.token_hash("api-key", "rec_abc") == rotated.token_hash("api-key", "rec_abc")
    signature = ring.sign("audit-head", b"head 7")
    assert rotated.verify("audit-head", b"head 7", signature)


def test_every_purpose_has_its_own_keys(ring: Keyring) -> None:
    assert ring.derive("a") != ring.derive("b")
    assert ring.token_hash("api-key", "x") != ring.token_hash("invitation", "x")
    signature = ring.sign("audit-head", b"data")
    assert len(signature) == 64
    assert not ring.verify("export", b"data", signature)
    assert not ring.verify("audit-head", b"other", signature)
    assert not ring.verify("audit-head", b"data", b"short")
    # A purpose and its data never run into each other.
    assert not ring.verify("audit-headd", b"ata", signature)


def test_an_auditor_checks_with_the_public_key_alone(ring: Keyring) -> None:
    stranger = Keyring(crypto.new_key(), {"1": SECOND})
    signature = ring.sign("audit-head", b"head")
    assert not stranger.verify("audit-head", b"head", signature)
    assert stranger.verify("audit-head", b"head", signature, public_key=ring.public_key())
    assert not stranger.verify("audit-head", b"head", signature, public_key=b"no key")


def test_the_signing_key_can_be_set_apart_from_the_root() -> None:
    signing = crypto.new_key()
    one, other = (Keyring(crypto.new_key(), {"1": FIRST}, signing=signing) for _ in range(2))
    assert other.verify("audit-head", b"head", one.sign("audit-head", b"head"))


def test_a_subjects_data_is_gone_with_the_wrapped_key(ring: Keyring) -> None:
    wrapped = ring.new_data_key()
    blob = ring.data_key(wrapped).seal(b"Sam Rivera", aad=b"audit.before")
    assert ring.data_key(wrapped).open(blob, aad=b"audit.before") == b"Sam Rivera"
    with pytest.raises(Tampered):
        ring.data_key(wrapped).open(blob, aad=b"audit.after")
    with pytest.raises(Tampered):
        ring.data_key(ring.new_data_key()).open(blob, aad=b"audit.before")
    with pytest.raises(Tampered):
        ring.open(blob, aad=b"audit.before")


@pytest.mark.parametrize("keys", [{}, {"1": b"short"}, {"1": bytes(32)}, {"one": FIRST}, {"-1": FIRST}])
def test_bad_keys_are_refused_with_advice(keys: dict[str, bytes]) -> None:
    with pytest.raises(BadKeys):
        Keyring(ROOT, keys)
    with pytest.raises(BadKeys, match="openssl rand"):
        Keyring(b"secret", {"1": FIRST})


def test_a_process_without_a_ring_says_who_should_have_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto, "_ring", None)
    with pytest.raises(BadKeys, match=r"models\.crypto\.use"):
        crypto.keyring()
    ring = crypto.use(Keyring(ROOT, {"1": FIRST}))
    assert crypto.keyring() is ring

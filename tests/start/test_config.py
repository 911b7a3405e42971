"""The configuration: what a fresh environment gives, what production refuses, and that each refusal says what to do."""

import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import config
from config import ConfigError, load

ROOT = Path(__file__).resolve().parents[2]
GOOD_SECRET = "mJ3vQzX8rT1uYw5Lk9NfHc2BgPd7AsEo4iRz6MxV"
PRODUCTION = {"APP_ENV": "production", "SECRET_KEY": GOOD_SECRET, "DATABASE_URL": "postgresql://crm@db/crm"}


def encoded(byte: int) -> str:
    return base64.urlsafe_b64encode(bytes([byte] * 32)).decode().rstrip("=")


def test_nothing_configured_gives_an_embedded_installation_in_the_data_folder(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path)})
    assert settings["APP_ENV"] == "embedded"
    assert settings["SQLALCHEMY_DATABASE_URI"] == f"sqlite:///{tmp_path}/crm.sqlite3"
    assert settings["STORAGE_URL"] == f"file://{tmp_path}/files"
    assert settings["SMTP_URL"] == f"sink://{tmp_path}/outbox"
    assert settings["REDIS_URL"] is None
    assert settings["PUBLIC_URL"] == "http://localhost:8000"
    assert settings["TRUSTED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert settings["SIGN_UP"] is True


def test_keys_are_made_once_and_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first, second = load({"DATA_DIR": str(tmp_path)}), load({"DATA_DIR": str(tmp_path)})
    for name in config.KEY_NAMES:
        assert first[name] == second[name]
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert len({first["SECRET_KEY"], first["PEPPER"], first["AUDIT_KEY"], *first["DATA_KEYS"].values()}) == 4


def test_two_installations_share_no_key(tmp_path: Path) -> None:
    one, other = load({"DATA_DIR": str(tmp_path / "one")}), load({"DATA_DIR": str(tmp_path / "other")})
    assert all(one[name] != other[name] for name in config.KEY_NAMES)


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "config.py"), "keys"]
    environment = {**os.environ, "APP_ENV": "embedded", "DATA_DIR": str(tmp_path)}
    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(lambda _: subprocess.check_output(command, env=environment), range(8)))
    assert len(set(outputs)) == 1


def test_production_with_secrets_starts_with_bound_cookies_and_no_files(tmp_path: Path) -> None:
    settings = load({**PRODUCTION, "DATA_DIR": str(tmp_path), "PUBLIC_URL": "https://crm.example.com"})
    assert settings["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert settings["REMEMBER_COOKIE_NAME"].startswith("__Host-")
    assert settings["SESSION_COOKIE_SECURE"] and settings["SESSION_COOKIE_HTTPONLY"]
    assert settings["TRUSTED_HOSTS"] == settings["FAB_SAFE_REDIRECT_HOSTS"] == ["crm.example.com"]
    assert settings["FAB_UPDATE_PERMS"] is False
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"SECRET_KEY": ""}, "Set SECRET_KEY to"),
        ({"SECRET_KEY": GOOD_SECRET[:31]}, "shorter than 32 bytes"),
        ({"SECRET_KEY": "a" * 64}, "easy to guess"),
        ({"SECRET_KEY": "changeme" * 8}, "easy to guess"),
        ({"SECRET_KEY": "this-is-my-secret-key-0123456789-abcdef"}, "easy to guess"),
        ({"SECRET_KEY": config.TEST_SECRET}, "easy to guess"),
        ({"DATABASE_URL": ""}, "Set it to postgresql://"),
        ({"DATABASE_URL": "sqlite:////srv/crm.sqlite3"}, "ALLOW_SQLITE=on"),
        ({"DATABASE_URL": "mysql://db/crm"}, "Set it to postgresql://"),
        ({"FLASK_DEBUG": "1"}, "Unset FLASK_DEBUG"),
        ({"DEBUG": "true"}, "Unset FLASK_DEBUG"),
        ({"TRUSTED_HOSTS": "crm.example.com,*"}, "List the host names"),
        ({"PUBLIC_URL": "http://crm.example.com"}, "https"),
        ({"PUBLIC_URL": "https://"}, "https://crm.example.com"),
        ({"REDIS_URL": "localhost:6379"}, "redis://host:6379/0"),
        ({"API_RATE_PER_MINUTE": "-1"}, "from 0 to 1000000"),
        ({"PROXY_HOPS": "-1"}, "whole number from 0 to 5"),
        ({"PORT": "99999"}, "whole number from 1 to 65535"),
        ({"SIGN_UP": "maybe"}, "on or off"),
        ({"WEBHOOKS_ALLOW_LOCAL": "on"}, "would let webhooks call this machine"),
        ({"APP_ENV": "prod"}, "embedded, production, test"),
        ({"PEPPER": "c2hvcnQ"}, "needs 32"),
        ({"AUDIT_KEY": "not base64 at all"}, "not base64"),
        ({"DATA_KEYS": encoded(1)}, "2:KEY,1:KEY"),
        ({"DATA_KEYS": f"1:{encoded(1)},1:{encoded(2)}"}, "2:KEY,1:KEY"),
    ],
)
def test_a_dangerous_or_malformed_environment_is_refused_with_advice(changes: dict[str, str], advice: str) -> None:
    with pytest.raises(ConfigError, match=advice) as refused:
        load({**PRODUCTION, **changes})
    assert GOOD_SECRET[:31] not in str(refused.value)


def test_sqlite_in_production_needs_an_explicit_word() -> None:
    settings = load({**PRODUCTION, "DATABASE_URL": "sqlite:////srv/crm.sqlite3", "ALLOW_SQLITE": "on"})
    assert settings["SQLALCHEMY_DATABASE_URI"] == "sqlite:////srv/crm.sqlite3"


def test_machines_with_the_same_secret_agree_and_each_key_has_its_own_value() -> None:
    one, other = load({**PRODUCTION, "DATA_DIR": "/srv/one"}), load({**PRODUCTION, "DATA_DIR": "/srv/other"})
    assert [one[name] for name in config.KEY_NAMES] == [other[name] for name in config.KEY_NAMES]
    assert len({one["PEPPER"], one["AUDIT_KEY"], *one["DATA_KEYS"].values()}) == 3


def test_pinned_keys_outlive_a_change_of_the_secret_key() -> None:
    before = load(PRODUCTION)
    pinned = dict(line.split("=", 1) for line in config.keys_in_use(before).splitlines())
    after = load({**PRODUCTION, **pinned, "SECRET_KEY": GOOD_SECRET[::-1]})
    assert after["SECRET_KEY"] != before["SECRET_KEY"]
    for name in ("PEPPER", "AUDIT_KEY", "DATA_KEYS", "SECURITY_PASSWORD_SALT", "SECURITY_TOTP_SECRETS"):
        assert after[name] == before[name]


def test_a_rotated_data_key_comes_first_and_the_old_one_stays(tmp_path: Path) -> None:
    before = load({"DATA_DIR": str(tmp_path)})
    config.write_data_keys(before["KEYS_DIR"], config.with_new_data_key(before["DATA_KEYS"]))
    after = load({"DATA_DIR": str(tmp_path)})
    assert list(after["DATA_KEYS"]) == ["2", "1"]
    assert after["DATA_KEYS"]["1"] == before["DATA_KEYS"]["1"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_a_postgresql_url_names_our_driver(scheme: str) -> None:
    assert config.database_url(f"{scheme}://crm:p%40ss@db:5432/crm") == "postgresql+psycopg://crm:p%40ss@db:5432/crm"


@pytest.mark.parametrize(
    ("given_url", "settled"),
    [
        ("sqlite:////srv/crm.sqlite3", "sqlite:////srv/crm.sqlite3"),
        ("sqlite:///crm.sqlite3", "sqlite:////home/ann/crm.sqlite3"),
        ("sqlite:///crm.sqlite3?timeout=5", "sqlite:////home/ann/crm.sqlite3?timeout=5"),
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
    ],
)
def test_a_sqlite_file_is_the_same_for_every_program(
    given_url: str, settled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getcwd", lambda: "/home/ann")
    assert config.database_url(given_url) == settled
    assert config.database_url(settled) == settled


@given(rest=st.text(min_size=1))
def test_naming_the_driver_changes_nothing_else_and_settles(rest: str) -> None:
    once = config.database_url(f"postgres://{rest}")
    assert once.removeprefix("postgresql+psycopg://") == rest
    assert config.database_url(once) == once


@given(secret=st.text(max_size=200))
def test_a_secret_is_returned_whole_or_refused(secret: str) -> None:
    try:
        assert config.check_secret("SECRET_KEY", secret) == secret
        assert len(secret.encode()) >= config.SECRET_BYTES
    except ConfigError as refused:
        assert "Set SECRET_KEY to the output of" in str(refused)


@given(secret=st.binary(min_size=32, max_size=64))
def test_a_random_secret_is_never_taken_for_an_example(secret: bytes) -> None:
    text = base64.urlsafe_b64encode(secret).decode()
    if len(set(secret)) > 24:
        assert config.check_secret("SECRET_KEY", text) == text


def test_a_deep_data_folder_still_has_a_socket_path_that_fits(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    assert len(str(config.redis_socket(deep))) <= 96
    assert config.redis_socket(deep) != config.redis_socket(deep / "other")


@pytest.mark.parametrize("text", ["", "ten", "1e3", "-5", "٣", "1.5", " "])
def test_numbers_are_read_strictly(text: str) -> None:
    with pytest.raises(ConfigError, match="whole number"):
        config.whole_number({"PORT": text}, "PORT", 8000, 1, 65535)

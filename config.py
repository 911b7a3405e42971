"""Turns the environment into the Flask configuration, and refuses to start on a dangerous one.

Here: reading, defaults, checks. Not here: wiring (`app.factory`) and anything that imports Flask, so that the
supervisor can read the configuration in milliseconds. `python config.py keys` prints the keys in use.
"""

import base64
import fcntl
import hashlib
import hmac
import os
import re
import secrets
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import config_inbound
from config_checks import SECRET_BYTES as SECRET_BYTES
from config_checks import ConfigError as ConfigError
from config_checks import check_secret, database_url, switch, whole_number

ENVIRONMENTS = ("embedded", "production", "test")
KEY_NAMES = ("SECRET_KEY", "PEPPER", "AUDIT_KEY", "DATA_KEYS")
MEGABYTE = 1024 * 1024
SERVER_LIMITS = {
    "MAX_CONTENT_LENGTH": 32 * MEGABYTE,
    "MAX_FORM_MEMORY_SIZE": 4 * MEGABYTE,
    "MAX_FORM_PARTS": 2_000,
    "UPLOAD_MAX_BYTES": 25 * MEGABYTE,
    "API_MAX_PAGE_SIZE": 200,
}
# Keeps the test environment free of files; production refuses to start without its own.
TEST_SECRET = "tests-only " * 4
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]


def load(environ: Mapping[str, str]) -> dict[str, Any]:
    """Returns the Flask configuration for an environment.

    In the embedded environment missing keys are made in DATA_DIR/keys (directory 0700, files 0600); production and
    test write nothing. Raises ConfigError on anything unknown, malformed or dangerous.
    """
    env = {name: value.strip() for name, value in environ.items() if value.strip()}
    app_env = env.get("APP_ENV", "embedded")
    if app_env not in ENVIRONMENTS:
        raise ConfigError(f"APP_ENV is {app_env!r}. Set it to one of: {', '.join(ENVIRONMENTS)}.")
    data_dir = Path(env.get("DATA_DIR", "data")).expanduser().absolute()
    if app_env == "production":
        _refuse_dangerous_production(env)
    keys = _keys(env, app_env, data_dir)
    settings = {"APP_ENV": app_env, "DATA_DIR": str(data_dir), "TESTING": app_env == "test", "DEBUG": False, **keys}
    settings |= _addresses(env, app_env) | _services(env, app_env, data_dir) | SERVER_LIMITS
    if "MAX_CONTENT_LENGTH" in env:
        settings["MAX_CONTENT_LENGTH"] = whole_number(env, "MAX_CONTENT_LENGTH", 0, MEGABYTE, 1024 * MEGABYTE)
    settings["API_RATE_PER_MINUTE"] = whole_number(env, "API_RATE_PER_MINUTE", 600, 0, 1_000_000)
    settings["SIGN_UP"] = switch(env, "SIGN_UP", True)
    settings["WEBHOOKS_ALLOW_LOCAL"] = _local_webhooks(env, app_env)
    settings |= config_inbound.load(env)
    settings["AI_SERVERS"] = _own_servers(env, "AI_SERVERS")
    settings["MAIL_SERVERS"] = _own_servers(env, "MAIL_SERVERS")
    settings["DNS_SERVER"] = "".join(_own_servers(env, "DNS_SERVER")[:1])
    settings["METRICS_TOKEN"] = env.get("METRICS_TOKEN", "")
    settings["LOG_LEVEL"] = env.get("LOG_LEVEL", "info").lower()
    settings |= cookie_settings(app_env == "production") | console_settings(app_env == "production")
    settings["FAB_SAFE_REDIRECT_HOSTS"] = settings["TRUSTED_HOSTS"]
    return settings | security_settings(settings)


def _refuse_dangerous_production(env: Mapping[str, str]) -> None:
    check_secret("SECRET_KEY", env.get("SECRET_KEY", ""))
    if switch(env, "FLASK_DEBUG", False) or switch(env, "DEBUG", False):
        raise ConfigError(
            "Debug mode is on in production and would show code and secrets. Unset FLASK_DEBUG and DEBUG."
        )
    url = env.get("DATABASE_URL", "")
    if not url:
        raise ConfigError("DATABASE_URL is missing. Set it to postgresql://user:password@host/name.")
    if url.startswith("sqlite") and not switch(env, "ALLOW_SQLITE", False):
        raise ConfigError(
            "DATABASE_URL names SQLite in production, which serves one machine only and has no row security. "
            "Set it to PostgreSQL, or set ALLOW_SQLITE=on if one machine is what you want."
        )
    if env.get("PUBLIC_URL", "https://").startswith("http://"):
        raise ConfigError("PUBLIC_URL begins with http://. Sign-in cookies need https: set it to https://your-host.")


# Keys


def _keys(env: Mapping[str, str], app_env: str, data_dir: Path) -> dict[str, Any]:
    """SECRET_KEY signs sessions, PEPPER (never changed) keys one-way hashes, AUDIT_KEY signs audit heads, DATA_KEYS has
    the numbered keys of encrypted columns, the current one first. `models.crypto` says more.

    Unset ones are files of KEYS_DIR in the embedded environment; elsewhere they are derived from SECRET_KEY, so that
    several machines agree without sharing a disk.
    """
    keys_dir = Path(env["KEYS_DIR"]).absolute() if "KEYS_DIR" in env else data_dir / "keys"
    if app_env == "embedded":
        found = {name: env.get(name) or stored_key(keys_dir, name) for name in KEY_NAMES}
    else:
        secret = env.get("SECRET_KEY", TEST_SECRET)
        found = {name: env.get(name) or _first(name) + _derive(secret, name) for name in KEY_NAMES} | {
            "SECRET_KEY": secret
        }
    return {
        "SECRET_KEY": found["SECRET_KEY"],
        "PEPPER": _key_bytes("PEPPER", found["PEPPER"]),
        "AUDIT_KEY": _key_bytes("AUDIT_KEY", found["AUDIT_KEY"]),
        "DATA_KEYS": data_keys(found["DATA_KEYS"]),
        "KEYS_DIR": str(keys_dir),
    }


def data_keys(text: str) -> dict[str, bytes]:
    """Reads "2:BASE64,1:BASE64" into {"2": 32 bytes, "1": 32 bytes}; the first encrypts, all decrypt."""
    keys: dict[str, bytes] = {}
    for part in text.split(","):
        number, _, encoded = part.strip().partition(":")
        if not number.isascii() or not number.isdigit() or number in keys:
            raise ConfigError("DATA_KEYS is malformed. Set it to NUMBER:KEY pairs, newest first, as in 2:KEY,1:KEY.")
        keys[number] = _key_bytes("DATA_KEYS", encoded)
    return keys


def with_new_data_key(keys: Mapping[str, bytes]) -> str:
    """The text of DATA_KEYS with a fresh key in front, for the environment or for `write_data_keys`."""
    number = max(map(int, keys), default=0) + 1
    return ",".join([f"{number}:{_encode(secrets.token_bytes(SECRET_BYTES))}", *_data_key_parts(keys)])


def write_data_keys(keys_dir: str, text: str) -> None:
    """Replaces the file of DATA_KEYS; raises ConfigError on a malformed text."""
    data_keys(text)
    with _locked(Path(keys_dir)):
        _write_key(Path(keys_dir) / "data_keys", text)


def stored_key(folder: Path, name: str) -> str:
    """Returns the key in the file <folder>/<name>, made on first use. Processes that race get the same key."""
    path = folder / name.lower()
    with _locked(folder):
        if not path.exists():
            _write_key(path, _first(name) + _encode(secrets.token_bytes(SECRET_BYTES)))
    return path.read_text().strip()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _write_key(path: Path, value: str) -> None:
    """The name appears only with the whole content, so that a crash never leaves half a key."""
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    with os.fdopen(handle, "w") as file:
        file.write(value + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _first(name: str) -> str:
    return "1:" if name == "DATA_KEYS" else ""


def _data_key_parts(keys: Mapping[str, bytes]) -> list[str]:
    return [f"{number}:{_encode(key)}" for number, key in keys.items()]


def _key_bytes(name: str, encoded: str) -> bytes:
    advice = f"Set {name} to the output of: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise ConfigError(f"{name} is not base64. {advice}") from error
    if len(key) != SECRET_BYTES:
        raise ConfigError(f"{name} holds {len(key)} bytes and needs {SECRET_BYTES}. {advice}")
    return key


def _encode(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _derive(secret: str, purpose: str) -> str:
    """One block of HKDF-SHA-256 (RFC 5869) with the purpose as info and no salt, as base64."""
    extracted = hmac.digest(b"\0" * 32, secret.encode(), "sha256")
    return _encode(hmac.digest(extracted, purpose.encode() + b"\x01", "sha256"))


# Groups of settings


def _addresses(env: Mapping[str, str], app_env: str) -> dict[str, Any]:
    port = whole_number(env, "PORT", 8000, 1, 65535)
    public_url = env.get("PUBLIC_URL", "").rstrip("/")
    hosts = [host.strip() for host in env.get("TRUSTED_HOSTS", "").split(",") if host.strip()]
    if public_url and not urlsplit(public_url).hostname:
        raise ConfigError(
            f"PUBLIC_URL is {public_url!r}. Set it to the address people open, as in https://crm.example.com."
        )
    if "*" in hosts:
        raise ConfigError("TRUSTED_HOSTS contains *, which trusts every host. List the host names people open.")
    if not hosts:
        hosts = [str(urlsplit(public_url).hostname)] if public_url else list(LOCAL_HOSTS)
    if not public_url:
        own = hosts[0].lstrip(".")
        public_url = f"https://{own}" if app_env == "production" else f"http://{own}:{port}"
    return {
        "PORT": port,
        "HOST": env.get("HOST", "127.0.0.1"),
        "WEB_WORKERS": whole_number(env, "WEB_WORKERS", 2, 1, 64),
        "PUBLIC_URL": public_url,
        "TRUSTED_HOSTS": hosts,
        "PROXY_HOPS": whole_number(env, "PROXY_HOPS", 0, 0, 5),
        "PREFERRED_URL_SCHEME": urlsplit(public_url).scheme,
    }


def _local_webhooks(env: Mapping[str, str], app_env: str) -> bool:
    """Whether webhooks may call this machine: for trying them out, never where strangers' workspaces live."""
    wanted = switch(env, "WEBHOOKS_ALLOW_LOCAL", False)
    if wanted and app_env == "production":
        raise ConfigError(
            "WEBHOOKS_ALLOW_LOCAL is on in production and would let webhooks call this machine. Unset it."
        )
    return wanted


def _own_servers(env: Mapping[str, str], name: str) -> list[str]:
    """Servers of the operator's own (host:port, commas between) that workspaces may name too, for AI or mail; others
    are public and encrypted."""
    found = [one.strip().lower() for one in env.get(name, "").split(",") if one.strip()]
    if wrong := [one for one in found if not re.fullmatch(r"(\[[0-9a-f:]+\]|[a-z0-9._-]+):[0-9]{1,5}", one)]:
        raise ConfigError(f"{name} contains {wrong[0]!r}. List servers as host:port, as in 127.0.0.1:11434.")
    return [one.replace("[", "").replace("]", "") for one in found]


def _services(env: Mapping[str, str], app_env: str, data_dir: Path) -> dict[str, Any]:
    database = database_url(env.get("DATABASE_URL", f"sqlite:///{data_dir / 'crm.sqlite3'}"))
    redis = env.get("REDIS_URL")
    if redis is None and app_env == "embedded" and redis_socket(data_dir).exists():
        redis = f"unix://{redis_socket(data_dir)}"
    if redis and not redis.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigError("REDIS_URL must begin with redis://, rediss:// or unix://. Set it to redis://host:6379/0.")
    return {
        "SQLALCHEMY_DATABASE_URI": database,
        # Row security holds only if the application doesn't own its tables: migrations may use another role.
        "MIGRATION_DATABASE_URI": database_url(env.get("MIGRATION_DATABASE_URL", database)),
        # A failed statement is named in logs and on the jobs page, but never the people's data in it (P17).
        "SQLALCHEMY_ENGINE_OPTIONS": {"hide_parameters": True}
        | ({} if database.startswith("sqlite") else {"pool_size": 5}),
        "SQLALCHEMY_TRACK_MODIFICATIONS": False,
        "REDIS_URL": redis,
        # Signed ends of the audit chains; the test environment writes nothing.
        "AUDIT_HEADS": env.get("AUDIT_HEADS", "" if app_env == "test" else str(data_dir / "audit-heads")),
        "STORAGE_URL": env.get("STORAGE_URL", f"file://{data_dir / 'files'}"),
        "SMTP_URL": env.get("SMTP_URL", f"sink://{data_dir / 'outbox'}"),
        "MAIL_FROM": env.get("MAIL_FROM", "crm@localhost"),
        "RATELIMIT_STORAGE_URI": _rate_limit_storage(redis),
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_HEADERS_ENABLED": True,
    }


def redis_socket(data_dir: Path) -> Path:
    """Where the embedded Valkey listens: in DATA_DIR, or under the system's temporary folder where that path would be
    longer than a socket's may be (104 bytes on macOS)."""
    path = data_dir / "run" / "valkey.sock"
    if len(str(path).encode()) <= 96:
        return path
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"crm-{os.getuid()}-{digest}" / "valkey.sock"


def _rate_limit_storage(redis: str | None) -> str:
    if redis is None:
        return "memory://"
    return redis.replace("unix://", "redis+unix://", 1) if redis.startswith("unix://") else redis


def cookie_settings(production: bool) -> dict[str, Any]:
    """Cookies a script can't read; in production also bound to https and to this host (`__Host-`, RFC 6265bis)."""
    prefix = "__Host-" if production else ""
    return {
        "SESSION_COOKIE_NAME": f"{prefix}session",
        "SESSION_COOKIE_SECURE": production,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_PATH": "/",
        "REMEMBER_COOKIE_NAME": f"{prefix}remember",
        "REMEMBER_COOKIE_SECURE": production,
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": True,
    }


def console_settings(production: bool) -> dict[str, Any]:
    """Flask-AppBuilder's switches. Its security API stays off: it fails under marshmallow 4 and would bypass ours."""
    return {
        "APP_NAME": "Real Estate CRM Pro",
        "FAB_ADD_SECURITY_API": False,
        "FAB_ADD_SECURITY_VIEWS": False,
        "FAB_ADD_OPENAPI_VIEWS": False,
        "FAB_API_SHOW_STACKTRACE": False,
        "FAB_API_MAX_PAGE_SIZE": SERVER_LIMITS["API_MAX_PAGE_SIZE"],
        "FAB_UPDATE_PERMS": not production,
        "AUTH_USER_REGISTRATION": False,
    }


def security_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Flask-Security's settings; `settings` are those that `load` has gathered."""
    pepper = _encode(settings["PEPPER"])
    return {
        "SECURITY_PASSWORD_SALT": _derive(pepper, "password salt"),
        "SECURITY_TOTP_SECRETS": {"1": _derive(pepper, "totp")},
        "SECURITY_TOTP_ISSUER": "Real Estate CRM Pro",
        # Flask-Security 5.9's own default becomes a malformed header under Werkzeug 3.1.
        "SECURITY_CACHE_CONTROL": {"private": None, "no-store": None},
        "SECURITY_URL_PREFIX": "/auth",
    }


def keys_in_use(settings: Mapping[str, Any]) -> str:
    """The keys as lines of an environment file: to move an installation, or to pin keys before SECRET_KEY changes."""
    pinned = [f"{name}={_encode(settings[name])}" for name in ("PEPPER", "AUDIT_KEY")]
    ring = ",".join(_data_key_parts(settings["DATA_KEYS"]))
    return "\n".join([f"SECRET_KEY={settings['SECRET_KEY']}", *pinned, f"DATA_KEYS={ring}"])


if __name__ == "__main__":
    if sys.argv[1:] != ["keys"]:
        sys.exit("Usage: python config.py keys")
    try:
        sys.stdout.write(keys_in_use(load(os.environ)) + "\n")
    except ConfigError as error:
        sys.exit(str(error))

"""JSON logs on stderr with request ids, and the scrubber that keeps secrets and personal values out of them.

Here: how a line looks and what may be in it. Not here: what is worth a line. No web framework: jobs and the
supervisor log the same way.
"""

import logging
import re
import sys
import uuid
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import structlog

REDACTED = "[redacted]"
MAX_TEXT = 4_000
MAX_DEPTH = 6

# Field names whose values never belong in a log, whatever they hold.
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?$|^pwd$|password|secret|token|api_?key|authori[sz]ation|cookie|^otp|_otp$|otp_?code|totp|"
    r"recovery_?code|^code$|passcode|verification_?code|private_?key|credential|csrf|signature|^pepper$|^session$",
    re.IGNORECASE,
)
# Names that end alike but hold no secret.
HARMLESS_NAME = re.compile(r"^(status_code|error_code|language_code|country_code|exit_code|token_type|api_key_id)$")

SECRET_PAIR = re.compile(
    r"""(?ix)
    (["']?\b[\w-]*(?:password|passwd|passphrase|pwd|secret|token|api[-_]?key|signature|csrf|otp|passcode|recovery[-_]?code|
      verification[-_]?code|session)\b["']?
     \s*[=:]\s*)
    (?:"[^"]*"|'[^']*'|[^\s&,;}\])"']+)
    """
)
AUTHORIZATION = re.compile(r"(?i)\b(bearer|basic|digest)\s+[A-Za-z0-9+/._~=-]{6,}")
HEADER_LINE = re.compile(r"(?i)\b(authorization|cookie|set-cookie|x-api-key)(\s*[:=]\s*)[^\r\n]+")
URL_PASSWORD = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@")
SIGNED_PATH = re.compile(r"(?i)(/(?:s|p|v|share|reset|confirm|login-link|sign-in-link|invite|verify)/)[\w.~-]{16,}")
# A key of ours or of a payment, storage or model service; and a JSON web token (RFC 7519).
KNOWN_TOKEN = re.compile(
    r"\b(?:(?:crm|sk|pk|rk|whsec|ghp|gho|xox[abp])[-_][A-Za-z0-9_-]{12,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|"
    r"eyJ[\w-]+\.[\w-]+\.[\w-]*)"
)
LONG_RANDOM = re.compile(r"\b(?=[A-Za-z_-]*\d)(?=[\d_-]*[A-Za-z])[A-Za-z0-9_-]{40,}\b")
OTP_IN_WORDS = re.compile(
    r"(?i)\b(?<!zip )(?<!postal )((?:one[- ]time |sign[- ]in |security |verification )?(?:code|passcode|pin|otp)\b"
    r"(?:\s+(?:is|was))?[\s:=]{1,3})\d{4,8}\b"
)
EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}", re.ASCII)


def configure(level: str = "info") -> None:
    """Sends structlog's and the standard library's records to stderr, one JSON object a line. May be called again."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        # First what is not wanted is let go, so that it costs nothing.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                scrub,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("botocore", "urllib3", "rq.worker", "flask_appbuilder", "werkzeug"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that takes an event name and fields: `log.info("lead_assigned", lead_id=7)`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def new_request_id(offered: str | None = None) -> str:
    """Binds an id to this context's lines and returns it: a proxy's if short and plain, else a new one."""
    plain = offered is not None and re.fullmatch(r"[A-Za-z0-9-]{8,64}", offered)
    request_id = offered if offered and plain else uuid.uuid4().hex
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)
    return request_id


def bind(**fields: Any) -> None:
    """Adds fields (workspace, actor, job) to every further line of this request or job."""
    structlog.contextvars.bind_contextvars(**fields)


def scrub(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: the last one before rendering, so that nothing is added behind its back."""
    return {name: scrub_value(value, name) for name, value in event.items()}


def scrub_value(value: Any, name: str = "", depth: int = 0) -> Any:
    """Returns a value fit for a log: secret fields redacted by name, secrets inside texts by their shape."""
    if SECRET_NAME.search(name) and not HARMLESS_NAME.match(name):
        return REDACTED if value not in (None, "", False, True) else value
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth >= MAX_DEPTH:
        return "[too deep]"
    if isinstance(value, Mapping):
        return {str(key): scrub_value(inner, str(key), depth + 1) for key, inner in value.items()}
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, str):
        return [scrub_value(inner, name, depth + 1) for inner in value]
    return scrub_text(str(value))


def scrub_text(text: str) -> str:
    """Redacts what looks like a credential, a one-time code, a signed link or an e-mail address; cuts long texts."""
    text = text[: MAX_TEXT * 2]
    text = HEADER_LINE.sub(rf"\1\2{REDACTED}", text)
    text = SECRET_PAIR.sub(rf"\1{REDACTED}", text)
    text = AUTHORIZATION.sub(rf"\1 {REDACTED}", text)
    text = URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
    text = SIGNED_PATH.sub(rf"\1{REDACTED}", text)
    text = KNOWN_TOKEN.sub(REDACTED, text)
    text = OTP_IN_WORDS.sub(rf"\1{REDACTED}", text)
    text = EMAIL.sub("[e-mail]", text)
    text = LONG_RANDOM.sub(REDACTED, text)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + f"… [{len(text) - MAX_TEXT} more]"

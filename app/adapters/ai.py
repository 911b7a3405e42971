"""Calls of AI providers over plain HTTP: OpenAI's chat completions, which many servers of one's own speak too,
Anthropic's messages, and the built-in writer, which calls nobody.

`encode` gives the exact bytes that the ledger holds the hash of, `send` sends those and nothing else. Does not belong
here: what may be read and the ledger (`app.services.ai_ledger`), the guarded connection (`app.adapters.outbound`).
Sources: OpenAI API reference (chat completions), Anthropic API reference (messages, version 2023-06-01).
"""

from __future__ import annotations

import email.utils
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import adapters
from app.adapters import ai_builtin, outbound
from app.adapters.outbound import Beat, Resolve
from app.services import ai_providers, ai_text, outbound_address
from app.services.ai_features import Feature
from app.services.ai_providers import Chosen
from models.policy import Purpose
from models.words import _

TIMEOUT = 60.0
MOST_READ = 1024 * 1024
# Providers that ask for more patience than this are not waited for: somebody sits before the page.
LONGEST_WAIT = 120.0
_HOSTED = "api.openai.com"
_FINAL = frozenset({400, 401, 403, 404, 405, 413, 422})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call. `text` is None where there is none, and `error` then says why, in a sentence; `final` where
    trying again cannot mend it, `wait` the seconds that the provider asks for. `raw` are the exact bytes of the body,
    None where nothing came; `free` where the provider surely charges nothing.
    """

    text: str | None
    raw: bytes | None = None
    status: int | None = None
    error: str = ""
    final: bool = False
    wait: float | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    free: bool = False


def encode(chosen: Chosen, feature: Feature, read: Mapping[str, Any]) -> bytes:
    """The body of the call, as exact bytes."""
    if not chosen.external:
        return ai_builtin.encode(feature.key, read)
    told = ai_text.prompt(feature, read)
    body: dict[str, Any] = {"model": chosen.model}
    if chosen.kind == "anthropic":
        body |= {"max_tokens": feature.tokens, "system": told.system}
        body["messages"] = [{"role": "user", "content": told.user}]
    else:
        body["messages"] = [{"role": "system", "content": told.system}, {"role": "user", "content": told.user}]
        # OpenAI's newer models refuse the old name, which servers of one's own know. `store` keeps it from being kept.
        hosted = _HOSTED in chosen.base_url
        body |= {"max_completion_tokens": feature.tokens, "store": False} if hosted else {"max_tokens": feature.tokens}
    return json.dumps(body, ensure_ascii=False).encode()


def send(
    chosen: Chosen, payload: bytes, *, purpose: Purpose, beat: Beat | None = None, resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None, timeout: float = TIMEOUT,
) -> Answer:  # fmt: skip
    """One attempt. `beat` is called about each second while the answer is awaited; what it raises ends the call. Raises
    `app.adapters.NoPurpose`."""
    adapters.call(purpose, "ai")
    if not chosen.external:
        text = ai_builtin.write(payload)
        return Answer(text, text.encode(), free=True)
    try:
        target = outbound_address.read(_address(chosen), servers=ai_providers.servers())
        got = outbound.post(
            target, _headers(chosen), payload, timeout=timeout, most=MOST_READ, resolve=resolve, trust=trust, beat=beat
        )
    except (ValueError, outbound.NotCalled) as error:
        return Answer(None, error=str(error), final=True, free=True)
    except outbound.Broken as error:
        return Answer(None, error=str(error))
    return _understood(chosen, got)


def _address(chosen: Chosen) -> str:
    path = "/v1/messages" if chosen.kind == "anthropic" else "/chat/completions"
    return chosen.base_url.rstrip("/").removesuffix("/v1" if chosen.kind == "anthropic" else "") + path


def _headers(chosen: Chosen) -> list[tuple[str, str]]:
    found = [("User-Agent", "RealEstateCRMPro-Drafts/1"), ("Content-Type", "application/json")]
    found.append(("Accept", "application/json"))
    if chosen.kind == "anthropic":
        found.append(("anthropic-version", "2023-06-01"))
        return [*found, ("x-api-key", chosen.key)] if chosen.key else found
    return [*found, ("Authorization", f"Bearer {chosen.key}")] if chosen.key else found


def _understood(chosen: Chosen, got: outbound.Reply) -> Answer:
    if got.status != 200:
        return _refused(got)
    if not got.whole:
        return Answer(None, got.raw, got.status, _("The provider's answer broke off before its end."))
    try:
        found = json.loads(got.raw)
        text, tokens_in, tokens_out = _anthropic(found) if chosen.kind == "anthropic" else _openai(found)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return Answer(
            None, got.raw, got.status, _("The provider's answer cannot be read: it is not in the form it should be.")
        )
    if not text.strip():
        words = _("The provider gave an empty answer.")
        return Answer(None, got.raw, got.status, words, tokens_in=tokens_in, tokens_out=tokens_out)
    return Answer(text, got.raw, got.status, tokens_in=tokens_in, tokens_out=tokens_out)


def _openai(found: Any) -> tuple[str, int | None, int | None]:
    text = found["choices"][0]["message"]["content"] or ""
    usage = found.get("usage") or {}
    return str(text), _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _anthropic(found: Any) -> tuple[str, int | None, int | None]:
    text = "".join(part["text"] for part in found["content"] if part.get("type") == "text")
    usage = found.get("usage") or {}
    return text, _count(usage.get("input_tokens")), _count(usage.get("output_tokens"))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else None


def _refused(got: outbound.Reply) -> Answer:
    """An answer of another status in a sentence that says who can mend it."""
    final, wait = got.status in _FINAL or 300 <= got.status < 400, _retry_after(got.headers.get("retry-after"))
    if got.status in (401, 403):
        words = _(
            "The provider refused the key ({status}). An admin can set another in Settings, AI drafting.",
            status=got.status,
        )
    elif got.status in (404, 405):
        words = _("The provider does not know this address or model ({status}).", status=got.status)
    elif got.status == 429:
        words = _("The provider is busy or its own limit is used up (429).")
    elif 300 <= got.status < 400:
        words = _(
            "The provider's address leads elsewhere ({status}). An admin must set the final one.", status=got.status
        )
    elif final:
        words = _("The provider could not use the request ({status}).", status=got.status)
    else:
        words = _("The provider has a fault of its own ({status}).", status=got.status)
    if wait is not None and wait > LONGEST_WAIT:
        final = True
        words = f"{words} {_('It asks to be left alone for {n} minutes; try again then.', n=int(-(-wait // 60)))}"
    return Answer(None, got.raw, got.status, words, final, wait, free=True)


def _retry_after(text: str | None) -> float | None:
    """Seconds, from a number or a date (RFC 9110, 10.2.3); None for what is neither."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(min(int(text.strip()[:9]), 10**6))
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None

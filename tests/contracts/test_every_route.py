"""What every answer carries, whoever asks and whatever went wrong: headers, content type, no trace, and a closed
door for strangers."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask, Response

from tests.contracts import walk
from tests.contracts.conftest import program
from tests.contracts.samples import SUMMIT_ID
from tests.factories import Browser, World, sign_in
from views import headers, request_scope

_TRACE = re.compile(r"Traceback \(most recent|File \"/|site-packages|sqlalchemy\.exc|werkzeug\.debug", re.IGNORECASE)
_NONCE = re.compile(r"'nonce-([\w-]{20,})'")
# Forms that need no token, with the reason. Nothing they do rests on a session or an IP address.
_TOKENLESS = {
    "/b/": "a visitor books: there is no session that another site could borrow",
    "/p/": "a public form of a stranger: there is no session that another site could borrow",
    "/embed/": "the same form inside the page of another site",
    "/hooks/": "another program calls; its signature is checked",
}
# What other sites may load, with the reason.
_ELSEWHERE = {"visits.script": "it runs on the brokerage's own website, and holds nothing of anybody"}
# Redirects and answers without a body have nothing to type.
_BODILESS = (204, 302, 303, 304, 308)


def _mail(answer: Response) -> list[str]:
    """An e-mail in a frame: its styles are its own, and its policy, compared as a whole, lets nothing run."""
    text = answer.get_data(as_text=True)
    found = ["an e-mail holds a script or a form"] if re.search(r"<(script|form|iframe)\b", text, re.IGNORECASE) else []
    return found if answer.mimetype == "text/html" else [*found, f"an e-mail comes as {answer.mimetype}"]


def faults(answer: Response, call: walk.Call | str) -> list[str]:
    """What is wrong with an answer, whatever it says."""
    head, found = answer.headers, []
    policy = head.get("Content-Security-Policy", "")
    wanted = {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "cross-origin"
        if getattr(call, "endpoint", "") in _ELSEWHERE and answer.status_code == 200
        else "same-origin",
    }
    found += [f"{name} is {head.get(name)}" for name, value in wanted.items() if head.get(name) != value]
    found += [
        f"{name} is missing"
        for name in ("Referrer-Policy", "Permissions-Policy", "X-Request-Id", "Cache-Control")
        if not head.get(name)
    ]
    return found + (_mail(answer) if policy == headers.MAIL else _page(answer, call, policy))


def _page(answer: Response, call: walk.Call | str, policy: str) -> list[str]:
    found = []
    for part in ("default-src 'none'", "object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors"):
        if part not in policy:
            found.append(f"the content security policy lacks {part}")
    if "unsafe-inline" in policy or "unsafe-eval" in policy or not _NONCE.search(policy):
        found.append(f"the content security policy is {policy}")
    text = "" if answer.direct_passthrough else answer.get_data(as_text=True)
    if answer.status_code not in _BODILESS and text:
        if not answer.content_type or (
            answer.mimetype.startswith("text/") and "charset=utf-8" not in answer.content_type.lower()
        ):
            found.append(f"the content type is {answer.content_type}")
        if text.lstrip().lower().startswith("<!doctype html") and answer.mimetype != "text/html":
            found.append(f"a page comes as {answer.mimetype}")
        if answer.mimetype == "text/html":
            found += _inline(text, policy)
    if _TRACE.search(text):
        found.append("a trace is shown")
    if answer.status_code >= 500:
        found.append(f"answers {answer.status_code}")
    return [f"{call}: {words}" for words in found]


def _inline(text: str, policy: str) -> list[str]:
    nonce = _NONCE.search(policy)
    found = [
        f"an element without the nonce: {tag[:80]}"
        for tag in re.findall(r"<(?:script|style)\b[^>]*>", text)
        if nonce and nonce.group(1) not in tag and "src=" not in tag
    ]
    return found + [
        f"an inline handler or style: {tag[:80]}"
        for tag in re.findall(r"<[a-z][^<>]*\s(?:on[a-z]+|style)=[^<>]*>", text)
    ]


def doors(app: Flask) -> list[str]:
    """Routes that let a stranger in although nothing marks them as open."""
    found = []
    client = app.test_client()
    for call in walk.calls(app, SUMMIT_ID, "GET"):
        view = app.view_functions[call.endpoint]
        if (
            call.url.startswith(request_scope._OPEN)
            or call.endpoint in request_scope._REFERENCE
            or getattr(view, "open_to_all", False)
        ):
            continue
        answer = client.get(call.url)
        program_only = call.url.startswith(request_scope._PROGRAMS)
        shut = (
            answer.status_code == 401
            if program_only
            else answer.status_code == 303 and answer.location.startswith("/auth/login")
        )
        if not shut:
            found.append(f"{call} answers a stranger with {answer.status_code}")
    return found


@pytest.mark.parametrize("who", [None, "owner", "reader"])
def test_every_answer_is_dressed(app: Flask, twins: World, client: Browser, who: str | None) -> None:
    found = []
    for call in walk.calls(app, SUMMIT_ID, "GET"):
        if who and not call.api:
            sign_in(client, twins.summit.people[who])
        found += faults(client.get(call.url), call)
    assert not found, walk.report(found, "faults in answers")


def test_every_answer_to_a_program_is_dressed(app: Flask, twins: World) -> None:
    client = program(app, twins.summit)
    found = []
    for call in walk.calls(app, SUMMIT_ID):
        if call.api:
            answer = client.open(call.url, method=call.method, json={} if call.method in ("POST", "PATCH") else None)
            found += faults(answer, call)
            if answer.status_code != 204 and answer.mimetype not in ("application/json", "application/problem+json"):
                found.append(f"{call} answers as {answer.mimetype}")
    assert not found, walk.report(found, "faults in answers")


def test_strangers_find_every_door_shut_but_the_open_ones(app: Flask, twins: World) -> None:
    found = doors(app)
    assert not found, walk.report(found, "open doors")


def test_cookies_open_no_door_of_the_programs(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner)
    found = [
        str(call)
        for call in walk.calls(app, SUMMIT_ID)
        if call.api and client.open(call.url, method=call.method).status_code not in (401, 429)
    ]
    assert not found, walk.report(found, "resources answer to a cookie")


def test_no_form_is_taken_without_its_token(app: Flask, twins: World, client: Browser) -> None:
    found = []
    for call in walk.calls(app, SUMMIT_ID, "POST"):
        if call.api or call.rule.startswith(tuple(_TOKENLESS)):
            continue
        sign_in(client, twins.summit.owner)
        answer = client.post(call.url, data={"name": "Taken"})
        if answer.status_code != 400:
            found.append(f"{call} answers {answer.status_code}")
        found += faults(answer, call)
    assert not found, walk.report(found, "forms taken without a token")


def test_forms_without_a_token_ignore_who_is_signed_in(app: Flask, twins: World, client: Browser) -> None:
    """What needs no token must not know the session, or another site could act in a person's name."""
    sign_in(client, twins.summit.owner)
    stranger = app.test_client()
    for call in walk.calls(app, SUMMIT_ID, "POST"):
        if call.rule.startswith(tuple(_TOKENLESS)):
            known, unknown = client.post(call.url, data={}), stranger.post(call.url, data={})
            assert known.status_code == unknown.status_code, call
            assert twins.summit.owner.name not in known.get_data(as_text=True), call


def test_methods_a_route_does_not_have_are_refused(app: Flask, twins: World, client: Browser) -> None:
    sign_in(client, twins.summit.owner)
    known: dict[str, tuple[str, set[str]]] = {}
    for call in walk.calls(app, SUMMIT_ID):
        known.setdefault(call.rule, (call.url, set()))[1].add(call.method)
    found = []
    for url, methods in known.values():
        for method in sorted({"GET", "POST", "PUT", "DELETE", "TRACE"} - methods):
            answer: Any = client.open(url, method=method)
            if answer.status_code != 405 and not (answer.status_code == 400 and method != "TRACE"):
                found.append(f"{method} {url} answers {answer.status_code}")
            found += faults(answer, f"{method} {url}") if method == "TRACE" else []
    assert not found, walk.report(found, "methods are not refused")


def test_another_host_is_refused(app: Flask, twins: World, client: Browser) -> None:
    app.config["TRUSTED_HOSTS"] = ["localhost"]
    for url in ("/", "/auth/login", "/api/v1/contact/", "/healthz", "/static/icons.svg"):
        answer = client.get(url, headers={"Host": "evil.example.com"})
        assert answer.status_code == 400, url
        assert "evil.example.com" not in answer.get_data(as_text=True)
        assert not faults(answer, url)


def test_what_is_nowhere_is_dressed_too(app: Flask, twins: World, client: Browser) -> None:
    for url in ("/nowhere", "/api/v1/nowhere/", "/contacts/99999999999999999999999", "/%00", "/..%2f..%2fetc/passwd"):
        answer = client.get(url)
        assert answer.status_code in (303, 400, 401, 404), url
        assert not faults(answer, url)


def test_the_contract_sees_an_undressed_route_and_an_open_door(app: Flask, twins: World, client: Browser) -> None:
    def bare() -> Response:
        answer = Response(
            '<!doctype html><p onclick="x()" style="color:red">File "/srv/app.py"</p><script>1</script>',
            content_type="text/plain",
        )
        return answer

    bare.open_to_all = True  # type: ignore[attr-defined]
    with walk.extra_route(app, "/bare", bare):
        found = faults(client.get("/bare"), "/bare")
    assert {
        "/bare: a page comes as text/plain",
        "/bare: a trace is shown",
        "/bare: the content type is text/plain",
    } <= set(found)
    naked = Response("<p onclick='x()'>", status=500, content_type="text/html; charset=utf-8")
    assert len(faults(naked, "naked")) >= 10
    with walk.extra_route(app, "/auth-less", lambda: "everything"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_scope, "_to_sign_in", lambda: None)
        assert "GET /auth-less answers a stranger with 200" in doors(app)

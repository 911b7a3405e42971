"""The header `Idempotency-Key`: a request that a program sends again is answered as before, and not done again.

Does not belong here: keeping answers (`app.services.idempotency`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import orjson
from flask import Response, g, request

from app.errors import Invalid, NotFound
from app.services import idempotency, records, schema
from app.services.idempotency import Answer, Asked
from app.services.operation import operation
from views import shell

HEADER = "Idempotency-Key"
LONGEST = 255
View = Callable[..., Response]


def once(verb: str) -> Callable[[View], View]:
    """Have a writing view of an entity heed the header; `verb` completes the name of its operation.

    The answer is drawn inside the operation: after its commit the record would have to be read anew.
    """

    def around(view: View) -> View:
        @wraps(view)
        def run(api: Any, *args: Any, **kwargs: Any) -> Response:
            name, actor = f"{api.screen.entity}.{verb}", shell.actor()
            if HEADER not in request.headers:
                with operation(name, actor=actor):
                    return view(api, *args, **kwargs)
            work = partial(view, api, *args, **kwargs)
            answer, again = idempotency.answered(_asked(), lambda: _kept(work()), name=name, actor=actor)
            return _told(_seen(answer, api.screen.model) if again else answer, again)

        return run

    return around


def _asked() -> Asked:
    key = request.headers[HEADER].strip()
    if len(key) > 1 and key[0] == key[-1] == '"':  # the draft's structured string; a bare text is taken too
        key = key[1:-1]
    if not key.strip() or len(key) > LONGEST or not (key.isascii() and key.isprintable()):
        raise Invalid({HEADER: f"Send your own text of 1 to {LONGEST} plain characters, such as a UUID."})
    body = request.get_data(cache=True)
    asked = f"{request.method} {request.full_path}\n".encode(errors="backslashreplace")
    digest = hashlib.sha256(asked + body).hexdigest()
    return Asked(shell.actor().key_id or 0, hashlib.sha256(key.encode()).hexdigest(), digest)


def _kept(answer: Response) -> Answer:
    head = answer.headers
    return Answer(
        answer.status_code, answer.get_data(), head.get("ETag"), head.get("Location"), g.get("answer_subject")
    )


def _seen(answer: Answer, model: type[Any]) -> Answer:
    """The answer as far as the program may see it now: who it acts for may have got another role since, or the record
    another owner.
    """
    body = orjson.loads(answer.body) if answer.body else {}
    if "id" not in body:  # nothing, or a bulk answer, which holds no values
        return answer
    if not records.is_within_reach(model, body["id"], actor=shell.actor()):
        raise NotFound()
    members = schema.readable(model)
    left = {name: value for name, value in body.items() if name == "id" or name in members}
    return answer if left == body else replace(answer, body=orjson.dumps(left), etag=None)


def _told(answer: Answer, again: bool) -> Response:
    made = Response(answer.body, status=answer.status, content_type="application/json")
    for name, value in (("ETag", answer.etag), ("Location", answer.location)):
        if value is not None:
            made.headers[name] = value
    if again:
        made.headers["Idempotency-Replayed"] = "true"
    return made

"""Conditional requests on one record (RFC 9110, 13): its entity tag, and what a request asks of it.

A tag is strong: id and version name the state of the record, the digest names the representation, which differs with
`fields`, `expand` and the fields that a workspace adds. `If-None-Match` compares the whole tag. `If-Match` protects the
record and not one view of it, so there id and version decide: a tag from a reading with other `fields` is as good.
"""

from __future__ import annotations

import hashlib
from typing import Any

from flask import Response, g, request

from app.errors import Outdated
from app.services import history


def tagged(answer: Response, record: Any) -> Response:
    """The answer with the tag of its representation; 304 without a body where the caller has it already."""
    digest = hashlib.sha256(answer.get_data()).hexdigest()[:16]
    tag = f"{record.id}-{record.version}-{digest}"
    g.answer_subject = history.subject_of(record)
    # A tag of RFC 9110 is weakly equal whether or not a proxy has marked it as weak on the way.
    if request.method == "GET" and request.if_none_match.contains_weak(tag):
        answer = Response(status=304)
    answer.set_etag(tag)
    return answer


def hold(record: Any) -> None:
    """Raise `Outdated` where `If-Match` names other states of the record than the present one."""
    if "If-Match" not in request.headers:
        return
    asked = request.if_match
    present = f"{record.id}-{record.version}"
    if not asked.star_tag and not any(tag.rpartition("-")[0] == present for tag in asked.as_set()):
        raise Outdated(record.version)

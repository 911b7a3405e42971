"""`/healthz` (the process answers), `/readyz` (it can work), `/metrics` (numbers without content, P17)."""

from __future__ import annotations

import hmac
import time

import prometheus_client as prometheus
import sqlalchemy as sa
from flask import Blueprint, Flask, Response, abort, current_app, g, request

from app.services.inbound import operating
from models import scope, tenancy
from models.base import session
from models.job import Job

pages = Blueprint("health", __name__)
_REQUESTS = prometheus.Counter("crm_requests_total", "Answers by route and status", ("route", "status"))
_SECONDS = prometheus.Histogram("crm_request_seconds", "Time to answer by route", ("route",))


def init(app: Flask) -> None:
    app.register_blueprint(pages)
    app.before_request(_start)
    app.after_request(_count)


@pages.get("/healthz")
def healthz() -> Response:
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@pages.get("/readyz")
def readyz() -> Response:
    try:
        with scope.across_workspaces("readiness"):
            session.execute(sa.select(sa.literal(1)))
    except sa.exc.SQLAlchemyError:
        return Response("the database does not answer\n", status=503, content_type="text/plain; charset=utf-8")
    return Response("ready\n", content_type="text/plain; charset=utf-8")


@pages.get("/metrics")
def metrics() -> Response:
    """Open to this machine, or to whoever shows METRICS_TOKEN as a bearer token."""
    token = current_app.config.get("METRICS_TOKEN") or ""
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    local = request.remote_addr in {"127.0.0.1", "::1"} and not request.headers.get("X-Forwarded-For")
    if not local and not (token and hmac.compare_digest(token, shown)):
        abort(404)
    return Response(prometheus.generate_latest() + _jobs() + _mail(), content_type=prometheus.CONTENT_TYPE_LATEST)


def _jobs() -> bytes:
    with scope.across_workspaces("job counts for monitoring"):
        counts = session.execute(
            sa.select(Job.state, sa.func.count()).group_by(Job.state), execution_options=tenancy.reason("counts only")
        ).all()
    lines = [
        "# HELP crm_jobs Jobs by state",
        "# TYPE crm_jobs gauge",
        *(f'crm_jobs{{state="{s}"}} {n}' for s, n in counts),
    ]
    return ("\n".join(lines) + "\n").encode()


def _mail() -> bytes:
    counts = operating.counts()
    lines = ["# HELP crm_inbound_mail Incoming mail that asks for somebody, by state", "# TYPE crm_inbound_mail gauge"]
    return "\n".join([*lines, *(f'crm_inbound_mail{{state="{s}"}} {n}' for s, n in counts.items()), ""]).encode()


def _start() -> None:
    g.started = time.perf_counter()


def _count(answer: Response) -> Response:
    route = request.url_rule.rule if request.url_rule else "none"
    _REQUESTS.labels(route, str(answer.status_code)).inc()
    if "started" in g:
        _SECONDS.labels(route).observe(time.perf_counter() - g.started)
    return answer

"""The jobs screen: what runs, waits or was given up, with retry and cancel. Rows and cards poll themselves while they
move."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import permissions
from app.services import jobs
from models import formats
from models.job import Job
from models.words import N_, _
from views import shell
from views.redirects import back

pages = Blueprint("jobs_pages", __name__)
_LABELS = {
    "all": N_("All"),
    "waiting": N_("Waiting"),
    "running": N_("Running"),
    "failed": N_("Failed"),
    "done": N_("Done"),
}
_GIVEN_UP = ("failed", "dead", "refused")
_NEXT = {
    "dead": N_("It was tried several times. Mend what the message says, then try again."),
    "failed": N_("Trying again helps only when what the message says has been mended."),
    "refused": N_("Somebody who has the right can ask for it anew."),
}
_MOVING = {"waiting", "running"}


@pages.get("/jobs/")
def index() -> str:
    """Own jobs for everybody; all jobs of the workspace with the right to read them."""
    actor = shell.actor()
    tab = request.args.get("tab", "all") if request.args.get("tab") in jobs.TABS else "all"
    page = jobs.page(actor=actor, tab=tab, before=_key("before"), after=_key("after"))
    tabs = [
        {"label": label, "url": url_for(".index", tab=name), "current": name == tab, "count": _count(page.counts[name])}
        for name, label in _LABELS.items()
    ]
    return render_template(
        "jobs.html",
        title=_("Jobs"),
        tabs=tabs,
        jobs=[card(job, "row") for job in page.jobs],
        counts_text=_count(page.counts["all"]),
        prev_url=url_for(".index", tab=tab, after=page.newer) if page.newer else None,
        next_url=url_for(".index", tab=tab, before=page.older) if page.older else None,
        may_retry=permissions.reach(actor, "write", "job") is not None,
    )


@pages.get("/jobs/<int:key>")
def show(key: int) -> str:
    return render_template(
        "job.html", title=_("Job"), job=card(jobs.get(key, actor=shell.actor())), back_url=url_for(".index")
    )


@pages.get("/jobs/<int:key>/progress")
def progress(key: int) -> str | Response:
    """JSON for programs, else the fragment that asked: `?as=row`, `?as=brief` or the card."""
    shape = request.args.get("as", "")
    job = card(jobs.get(key, actor=shell.actor()), "row" if shape == "row" else "")
    if request.accept_mimetypes.best == "application/json":
        return jsonify(
            {
                n: job[n]
                for n in ("id", "state", "percent", "note", "error", "attempts", "max_attempts", "done", "total")
            }
        )
    part = {"row": "parts/job_row.html", "brief": "parts/job_brief.html"}.get(shape, "parts/job_card.html")
    return render_template(part, job=job)


@pages.post("/jobs/<int:key>/retry")
def retry(key: int) -> Response:
    jobs.retry(key, actor=shell.actor())
    shell.toast(_("The job is tried again"))
    return redirect(back(request.form.get("next"), url_for(".show", key=key)), 303)


@pages.post("/jobs/<int:key>/cancel")
def cancel(key: int) -> Response:
    jobs.cancel(key, actor=shell.actor())
    shell.toast(_("The job is being cancelled"))
    return redirect(back(request.form.get("next"), url_for(".show", key=key)), 303)


def card(job: Job, shape: str = "") -> dict[str, Any]:
    """A job as the templates read it; `shape` is the fragment it asks for when it polls."""
    mine = jobs.may_change(job, shell.actor())
    local = (job.finished_at or job.started_at or job.created_at).astimezone(shell.locale().zone)
    state = (
        "dead"
        if job.state in _GIVEN_UP
        else "failed"
        if job.state == "waiting" and job.attempts and job.error
        else job.state
    )
    return {
        "id": job.id,
        "url": url_for("jobs_pages.show", key=job.id),
        "label": job.label or job.name,
        "queue": job.queue,
        "state": state,
        "percent": percent(job),
        "done": job.progress,
        "total": job.total,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "error": job.error if job.state != "done" else None,
        "note": job.status or None,
        "who": job.actor.get("label"),
        "when": formats.moment(local),
        "stamp": local.isoformat(),
        "result": None,
        "facts": [],
        "log": [{"text": text, "time": "", "bad": True} for text in (job.result or {}).get("left", ())],
        "undo_url": _undo_url(job) if mine else None,
        "next_step": _NEXT.get(job.state),
        "poll_url": _poll_url(job, shape),
        "retry_url": url_for("jobs_pages.retry", key=job.id) if mine and job.state in jobs.OVER else None,
        "cancel_url": url_for("jobs_pages.cancel", key=job.id)
        if jobs.may_cancel(job, shell.actor()) and job.state in _MOVING and not job.cancel_asked
        else None,
    }


def _undo_url(job: Job) -> str | None:
    """Where all that a selection went through is taken back; of an undo, where it is done anew."""
    batch = job.args.get("as") or job.args.get("batch")
    return url_for("undo_batch", batch=batch) if batch and job.state == "done" else None


def _poll_url(job: Job, shape: str) -> str | None:
    if job.state not in _MOVING:
        return None
    url = url_for("jobs_pages.progress", key=job.id)
    return f"{url}?as={shape}" if shape else url


def brief() -> list[dict[str, Any]]:
    """The viewer's own jobs that have not ended, for the header and for Today."""
    return [card(job) for job in jobs.running(actor=shell.actor())]


def percent(job: Job) -> int | None:
    """How far the job is, or None where it does not know its total."""
    if job.state == "done":
        return 100
    return min(100, job.progress * 100 // job.total) if job.total else None


def _count(number: int) -> str:
    return "1,000+" if number >= jobs.COUNT_CAP else str(number)


def _key(name: str) -> int | None:
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

"""Builds the application; reads top to bottom in the order in which things must start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from sqlalchemy import event
from werkzeug.middleware.proxy_fix import ProxyFix

import config as settings
import models  # noqa: F401  maps every table
from app import logging
from app.cli import commands
from app.services import ai_features, ai_providers, audit_heads, sending, webhooks
from jobs import dispatch
from models import connections, crypto, registry
from models.base import db
from public_site import site
from views import (
    api_rate,
    compliance,
    console,
    events,
    files,
    headers,
    health,
    hooks,
    identity,
    inputs,
    languages,
    methods,
    problems,
    shell,
)

csrf = CSRFProtect()


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """The WSGI application. `config` overrides what the environment says (tests)."""
    app = Flask("app", static_folder="static", static_url_path="/static", template_folder="../views/templates")
    app.config.update(settings.load(os.environ))
    app.config.update(config or {})
    logging.configure(app.config["LOG_LEVEL"])
    registry.check()
    ai_features.check()
    crypto.use(
        crypto.Keyring(
            app.config["PEPPER"],
            app.config["DATA_KEYS"],
            signing=app.config["AUDIT_KEY"],
            reload=lambda: settings.load(os.environ)["DATA_KEYS"],
        )
    )
    audit_heads.use(Path(app.config["AUDIT_HEADS"]) if app.config["AUDIT_HEADS"] else None)
    webhooks.allow_local(app.config["WEBHOOKS_ALLOW_LOCAL"])
    ai_providers.allow_servers(app.config["AI_SERVERS"])
    sending.allow_servers(app.config["MAIL_SERVERS"], app.config["MAIL_FROM"])
    behind_proxies(app)
    db.init_app(app)
    Migrate(app, db, directory=os.path.join(os.path.dirname(app.root_path), "migrations"))
    languages.init(app)
    methods.init(app)
    headers.init(app)
    inputs.init(app)
    api_rate.init(app)
    shell.init(app)
    csrf.init_app(app)
    with app.app_context():
        _tune(db.engine)
        appbuilder = identity.init(app)
        languages.follow(app)
        console.register(app, appbuilder, csrf)
        compliance.register(app)
    app.register_blueprint(files.pages)
    app.register_blueprint(events.pages)
    csrf.exempt(events.pages)
    app.register_blueprint(hooks.pages)
    csrf.exempt(hooks.pages)
    site.init(app, csrf)
    health.init(app)
    dispatch.init(app)
    problems.init(app)
    commands.init(app)
    return app


def behind_proxies(app: Flask) -> None:
    """Take the client's address and scheme from as many proxies as PROXY_HOPS says, and never from the client itself.

    The host is never taken from a header beside `Host`, which is checked against TRUSTED_HOSTS.
    """
    hops = app.config["PROXY_HOPS"]
    if hops:
        fixed = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0, x_prefix=0)
        app.wsgi_app = fixed  # type: ignore[method-assign]


def _tune(engine: sa.Engine) -> None:
    """SQLite: foreign keys are checked, readers and the writer do not block each other, writers wait instead of
    failing."""
    if engine.dialect.name != "sqlite":
        connections.keep(engine)
        return

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in (
            "foreign_keys=ON",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "busy_timeout=15000",
            "cache_size=-32000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

"""`flask openapi`: the OpenAPI document, for client generators and for reviews of what changed."""

from __future__ import annotations

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from views import openapi


@click.command("openapi", help="Print the OpenAPI document of the REST API as JSON.")
@click.option("--json", "as_json", is_flag=True, help="The same; the document is always JSON.")
@with_appcontext
def command(as_json: bool) -> None:
    with current_app.test_request_context():
        click.echo(orjson.dumps(openapi.document(), option=orjson.OPT_INDENT_2).decode())

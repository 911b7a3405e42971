"""An export of 20,000 rows, streamed to its end: against the bare `csv` module over the bare query."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from benchmarks import console, data
from benchmarks.bare import Bare
from benchmarks.lists import OWNER
from benchmarks.measure import Score, medians

_GOAL = 2.0
_COLUMNS = "c.name, c.type, c.stage, c.next_step, c.budget_max, c.phone, c.email, m.name, c.last_activity"


def run(contacts: int, workspaces: int, rounds: int, score: Score) -> None:
    for engine in data.engines():
        with data.database(engine, contacts, workspaces) as database:
            app = console.make_app(database)
            person = console.sign_in(app, OWNER, sees_all=True)
            bare = Bare(database, person.workspace_id, None)
            found = medians({"ours": _export(person.client), "bare": _csv(bare)}, max(rounds // 5, 3))
            bare.close()
            ratio = found["ours"] / found["bare"]
            rows = contacts // workspaces
            print(
                f"{engine:<10} export of {rows:,} rows as CSV   {found['ours']:8.1f} ms   "
                f"bare {found['bare']:7.1f} ms   {ratio:5.2f}x, goal {_GOAL:.0f}x   {score.note(ratio <= _GOAL)}"
            )
            console.let_go(app)


def _export(client: console.FlaskClient) -> Callable[[], object]:
    token = console.token_of(client)

    def run() -> object:
        answer = client.post("/contacts/export.csv", data={"csrf_token": token})
        if answer.status_code != 200 or answer.data.count(b"\n") < 2:
            raise RuntimeError(f"The export answered {answer.status_code}.")
        return answer

    return run


def _csv(bare: Bare) -> Callable[[], object]:
    query = (
        f"select {_COLUMNS} from contact c left join membership m on m.id = c.owner_id "
        "where c.workspace_id = ? and c.deleted_at is null order by c.last_activity desc, c.id desc"
    )

    def run() -> object:
        file = io.StringIO()
        csv.writer(file).writerows(bare.rows(query, (bare.workspace_id,)))
        return file.getvalue().encode()

    return run

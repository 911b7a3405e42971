"""The one search: exact words against the bare LIKE, and words with typing errors against brute force, which reads
every contact of the brokerage and compares each name by rapidfuzz.
"""

from __future__ import annotations

from collections.abc import Callable

from rapidfuzz import fuzz, process

from app.services import finding
from benchmarks import console, data
from benchmarks.bare import Bare
from benchmarks.lists import AGENT, COMMON, OWNER, RARE
from benchmarks.measure import Score, line, medians
from models import scope
from models.contact import Contact
from models.scope import Actor, ActorKind, Reach

_SEARCH = ("name", "email", "phone", "company")
# What is wrong in each: a letter left out, two errors in two words, a short word, a letter swapped, nothing like it.
_WRONG = ("vilanueva", "xiomra ziele", "okafr", "ramriez", "qwrtzpfk")
_MOST = 5


def run(contacts: int, workspaces: int, rounds: int, score: Score) -> None:
    for engine in data.engines():
        with data.database(engine, contacts, workspaces) as database:
            app = console.make_app(database)
            for who, email, sees_all in (("owner", OWNER, True), ("agent", AGENT, False)):
                person = console.sign_in(app, email, sees_all=sees_all)
                bare = Bare(database, person.workspace_id, person.owner_id)
                with app.app_context(), scope.inside(person.workspace_id):
                    _measure(engine, who, _actor(person), bare, rounds, score)
                for q in (RARE, COMMON, _WRONG[0]):
                    palette = console.get(person.client, f"/search/palette?q={q}")
                    line(engine, who, f"palette, “{q}”", medians({"ours": palette}, rounds)["ours"], None, score)
                bare.close()
            console.let_go(app)


def _measure(engine: str, who: str, actor: Actor, bare: Bare, rounds: int, score: Score) -> None:
    for what, q, yardstick in (("exact, rare", RARE, bare.rare(RARE)), ("exact, common", COMMON, bare.common(COMMON))):
        found = medians({"ours": _exact(q, actor), "bare": yardstick}, rounds)
        line(engine, who, what, found["ours"], found["bare"], score)
    for q in _WRONG:
        found = medians({"ours": _close(q, actor), "brute": _brute(bare, q)}, max(rounds // 2, 3))
        ratio = found["brute"] / found["ours"]
        good = score.note(ratio >= 1)
        print(
            f"{engine:<10} {who:<6} close to “{q}”{'':<{18 - len(q)}} {found['ours']:8.2f} ms   "
            f"brute force {found['brute']:7.2f} ms, {ratio:5.1f}x ours, goal 1x   {good}",
            flush=True,
        )


def _exact(q: str, actor: Actor) -> Callable[[], object]:
    return lambda: finding.exact(Contact, q, actor=actor, search=_SEARCH, shown=("type", "stage"), most=_MOST)


def _close(q: str, actor: Actor) -> Callable[[], object]:
    return lambda: finding.close(Contact, q, actor=actor, search=_SEARCH, shown=("type", "stage"), most=_MOST)


def _brute(bare: Bare, q: str) -> Callable[[], object]:
    """Names and companies of everyone within reach, each compared with what was typed."""
    query = (
        "select c.id, c.name || ' ' || coalesce(c.company, '') from contact c "
        f"where c.workspace_id = ? and c.deleted_at is null {bare.mine}"
    )

    def run() -> object:
        names = dict(bare.rows(query, (bare.workspace_id, *bare.owner)))
        return process.extract(q, names, scorer=fuzz.WRatio, processor=str.lower, limit=_MOST, score_cutoff=60)

    return run


def _actor(person: console.Person) -> Actor:
    how_far = Reach.WORKSPACE if person.owner_id is None else Reach.OWN
    rights = {"contact": {"read": how_far}}
    return Actor(ActorKind.USER, "Benchmark", membership_id=person.membership_id, rights=rights)

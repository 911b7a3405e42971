"""What must hold for every template, script and vendored file, read from the files themselves.

Rendering and behaviour in a browser are the browser suite's work.
"""

import json
import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "app" / "static"
TEMPLATES = ROOT / "views" / "templates"
PAGES = sorted(TEMPLATES.rglob("*.html"))
ENVIRONMENT = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)


FOREIGN = re.compile(r'<(?:script|link|img|iframe|form|use)[^>]*(?:src|href|action)="(?:https?:)?//[^"]*')


def unfit_markup(text: str) -> list[str]:
    """Markup that the Content-Security-Policy refuses or that leads a browser to another host."""
    text = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
    inline = re.findall(r"<[^>]*\s(?:style|on[a-z]+)=", text)
    return inline + re.findall(r"<(?:script|style)(?![^>]*(?:nonce=|src=))[^>]*>", text) + FOREIGN.findall(text)


def icons_named(text: str) -> set[str]:
    """Icon names written out in a template's calls of `icon`."""
    calls = ENVIRONMENT.parse(text).find_all(nodes.Call)
    first = [call.args[0] for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "icon"]
    return {word for argument in first for word in _words(argument)}


def _words(node: nodes.Node | None) -> set[str]:
    if isinstance(node, nodes.Const):
        return {str(node.value)}
    if isinstance(node, nodes.CondExpr):
        return _words(node.expr1) | _words(node.expr2)
    return _words(node.right) if isinstance(node, nodes.Or) else set()


def sprite() -> set[str]:
    return set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(TEMPLATES)))
def test_a_template_parses_fits_the_policy_and_names_known_icons(page: Path) -> None:
    text = page.read_text()
    assert unfit_markup(text) == []
    assert icons_named(text) <= sprite()
    assert len(text.splitlines()) <= 400


@pytest.mark.parametrize(
    "bad",
    ['<p style="color:red">', '<a onclick="go()">', "<script>go()</script>", '<img src="https://example.com/a.png">'],
)
def test_markup_that_the_policy_refuses_is_noticed(bad: str) -> None:
    assert unfit_markup(bad) != []


def test_an_unknown_icon_is_noticed() -> None:
    assert icons_named("{{ icon('no-such-thing') }}") - sprite() == {"no-such-thing"}


def test_the_sprite_holds_exactly_the_listed_icons() -> None:
    assert sprite() == set((STATIC / "vendor" / "icons.txt").read_text().split())


def test_scripts_of_a_console_page_stay_small_and_in_the_import_map() -> None:
    listed = re.search(r"for name in \(([^)]*)\)", (TEMPLATES / "parts" / "modules.html").read_text())
    assert listed is not None
    mapped = set(re.findall(r"'([a-z]+)'", listed[1]))
    texts = [(STATIC / "console.js").read_text(), *((STATIC / "js" / f"{name}.js").read_text() for name in mapped)]
    assert {name for text in texts for name in re.findall(r'from "c/([a-z]+)"', text)} == mapped
    assert sum(len(text.encode()) for text in texts) < 32 * 1024


def test_scripts_of_one_kind_of_page_stay_small() -> None:
    listed = re.search(r"for name in \(([^)]*)\)", (TEMPLATES / "parts" / "modules.html").read_text())
    assert listed is not None
    alone = [p for p in (STATIC / "js").glob("*.js") if f"'{p.stem}'" not in listed[1]]
    assert alone and max(len(p.read_bytes()) for p in alone) < 7 * 1024


def test_every_key_of_the_sheet_is_listened_for_and_no_other() -> None:
    """The sheet is drawn from the list that runs the keys; what a page's own script runs asks that list by name."""
    keys = (STATIC / "js" / "keys.js").read_text()
    entries = re.findall(r"^  \{ show: .*\},$", keys, re.MULTILINE)
    assert len(entries) > 12 and all(re.search(r"\b(run|name): ", entry) for entry in entries)
    named = set(re.findall(r'name: "([a-z]+)"', keys))
    others = "".join(p.read_text() for p in (STATIC / "js").glob("*.js") if p.stem != "keys")
    assert named == set(re.findall(r'\bis\("([a-z]+)", event\)', others))
    used = {m for t in TEMPLATES.rglob("*.html") for m in re.findall(r'data-key="(\w)"', t.read_text())}
    assert used <= set(re.findall(r'key: "(\w)"', keys))


def test_no_script_makes_code_or_markup_from_text() -> None:
    for script in [STATIC / "console.js", *(STATIC / "js").glob("*.js")]:
        assert re.findall(r"\beval\(|new Function\(|innerHTML|insertAdjacentHTML|cssText", script.read_text()) == []


def test_stylesheets_ask_no_other_host() -> None:
    for sheet in (STATIC / "console.css", STATIC / "vendor" / "tabler.min.css"):
        assert re.findall(r"@import|url\((?!\"?data:|'?data:)[^)]*\)", sheet.read_text()) == []


def test_every_vendored_file_has_a_version_and_a_licence() -> None:
    spec = json.loads((STATIC / "vendor" / "package.json").read_text())
    assert set(spec["dependencies"]) == set(spec["licences"]) == set(spec["files"])
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in spec["dependencies"].values())
    listed = {target for files in spec["files"].values() for target in files.values()}
    assert {f.name for f in (STATIC / "vendor").iterdir()} == listed | {"package.json", "refresh", "icons.txt"}

"""Real export files through the pages of the import: nothing is lost, and a bad row stops no other."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.xdist_group("browser")]
FILES = Path(__file__).resolve().parent.parent / "fixtures" / "imports"


@pytest.mark.parametrize(
    ("name", "person"), [("google.csv", "Maya Okafor"), ("outlook.csv", "Zoë Müller"), ("contacts.vcf", "Bob Ray")]
)
def test_an_export_of_another_program_becomes_contacts(owner: Page, name: str, person: str) -> None:
    choose_file(owner, FILES / name)
    owner.get_by_role("button", name="Show preview").click()
    expect(owner.get_by_text("rows read")).to_be_visible()
    expect(owner.locator("tbody")).to_contain_text(person)
    owner.locator(".c-foot button").click()
    expect(owner.get_by_role("link", name="See the contacts")).to_be_visible(timeout=30_000)
    owner.goto(f"/contacts/?q={person.replace(' ', '+')}")
    owner.get_by_role("link", name=person).first.click()
    expect(owner.get_by_role("heading", level=1)).to_contain_text(person)


def test_bad_rows_come_back_as_a_file_that_can_be_mended(owner: Page, tmp_path: Path) -> None:
    source = tmp_path / "mixed.csv"
    source.write_text(
        "Name,E-mail,Phone\nGood Gwendolyn,gwendolyn@example.net,\nKnown Kunigunde,,\n"
        ",bertram at example,\nGood Gwendolyn,GWENDOLYN@example.net,(415) 555-0177\n"
    )
    choose_file(owner, source)
    owner.get_by_role("button", name="Show preview").click()
    expect(owner.locator("tbody")).to_contain_text("bertram at example")
    owner.locator(".c-foot button").click()
    expect(owner.get_by_role("link", name="See the contacts")).to_be_visible(timeout=30_000)
    with owner.expect_download() as download:
        owner.get_by_role("link", name="Download").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [row["E-mail"] for row in rows] == ["bertram at example"]
    assert "@" in rows[0]["Problem"]
    owner.goto("/contacts/?q=Gwendolyn")
    expect(owner.locator("#count")).to_have_text("1")
    expect(owner.locator("tbody")).to_contain_text("(415) 555-0177")


def test_a_file_that_cannot_be_read_says_why_and_keeps_the_answers(owner: Page) -> None:
    choose_file(owner, FILES / "page.csv")
    expect(owner.locator("#f-file")).to_have_attribute("aria-invalid", "true")
    expect(owner.locator("#f-file-e")).not_to_be_empty()
    expect(owner.locator("[name=basis][value=legitimate_interest]")).to_be_checked()
    expect(owner.locator("[name=basis_note]")).to_have_value("Past clients of the office")


def choose_file(page: Page, path: Path) -> None:
    page.goto("/contacts/import")
    page.set_input_files("[name=file]", path)
    page.locator("[name=basis][value=legitimate_interest]").check()
    page.locator("[name=basis_note]").fill("Past clients of the office")
    page.get_by_role("button", name="Continue").click()


def test_the_preview_of_a_large_file_is_waited_for_left_and_found_again(owner: Page, tmp_path: Path) -> None:
    source = tmp_path / "sphere.csv"
    rows = "".join(f"Sphere {n},sphere{n}@example.net\n" for n in range(5_100))
    source.write_text(f"Name,E-mail\n{rows}")
    choose_file(owner, source)
    owner.get_by_role("button", name="Show preview").click()
    expect(owner.get_by_role("heading", name="Preview of sphere.csv")).to_be_visible()
    owner.goto("/contacts/")
    owner.goto("/contacts/import")
    owner.get_by_role("link", name="sphere.csv").first.click()
    expect(owner.get_by_role("button", name="Import 5,100 rows")).to_be_visible(timeout=30_000)
    expect(owner.locator("tbody")).to_contain_text("sphere0@example.net")

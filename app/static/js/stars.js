// Stars in a list: a button in each row, and S for the marked row. Which records are starred comes after the page, so that a list
// costs nothing more.
import { $, $$, el, icon, t, toggleStar } from "c/dom";

const table = $("[data-stars]");
const keyOf = (row) => $(".k1 input", row)?.value ?? $(".k2 a", row)?.getAttribute("href");

function show(button, on) {
  button.setAttribute("aria-pressed", String(on));
}

function add(row, starred) {
  const link = $(".k2 a", row);
  if (!link) return;
  const button = el("button", { type: "button", class: "c-star", "data-star": true, "aria-label": t("Star {name}", { name: link.textContent }), title: t("Star, S") }, icon("star"));
  show(button, starred.has(Number(keyOf(row))));
  button.addEventListener("click", async () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    if (await toggleStar(link.href, on)) show(button, on);
  });
  link.after(button);
}

async function begin() {
  const answer = await fetch(`/search/starred?entity=${table.dataset.stars}`, { credentials: "same-origin", headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const starred = new Set((await answer.json()).ids);
  for (const row of $$("tbody tr", table)) add(row, starred);
}

if (table) begin();

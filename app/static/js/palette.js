// The palette (Ctrl K): records, views, places and actions, drawn from /search/palette?q=; loaded with its first use.
// What was opened last stands in this browser alone, as "contact.12" and without names: the server says what they are called,
// of those that can still be read.
import { dialog } from "c/dialog";
import { $, debounce, el, icon, latest, t, toggleStar, withQuery } from "c/dom";
import { help } from "c/keys";
import { listbox, option, remark } from "c/options";
import { recent } from "c/recent";

const ask = latest();
let parts;

/** Fills the open palette; `enter` is an Enter that was pressed before this script was here. */
export function open(box, enter) {
  if (!parts) build(box);
  parts.enter ??= enter;
  load();
}

function build(box) {
  const input = $("input", box);
  const list = $("#palette-list");
  parts = { box, input, list, options: listbox(input, list), enter: null };
  input.addEventListener("input", debounce(120, load));
  input.addEventListener("keydown", press);
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row?.item?.fields || row?.item?.does) act(event, row);
  });
  box.addEventListener("close", () => { parts.enter = null; });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
}

async function load() {
  const q = parts.input.value.trim();
  try {
    const query = withQuery("/search/palette", q) + (q.length > 1 ? "" : `&recent=${recent().join(",")}`);
    draw((await ask(query)).groups, q);
    parts.drawn = q;
    if (parts.enter) follow(parts.enter);
  } catch (error) {
    if (error.name !== "AbortError") parts.list.replaceChildren(remark(t("Search did not answer. Try again in a moment."), "err"));
  }
}

function draw(groups, q) {
  let count = 0;
  parts.list.replaceChildren(...groups.filter((group) => group.items.length).map((group) => {
    const rows = group.items.map((item) => Object.assign(option(`pal-${count++}`, item, q, item.url || "#"), { item }));
    return el("div", { role: "group", "aria-label": group.label }, el("p", { class: "t3 sm px-3 pt-2", "aria-hidden": "true" }, group.label), ...rows);
  }));
  if (!count) parts.list.append(remark(t("Nothing found that you may read.")));
  say(t("{n} results", { n: count }));
  parts.options.first();
}

const say = (text) => { $("#palette-said").textContent = text; };

function press(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) parts.options.move(step);
  else if (event.key === "Enter" && event.shiftKey) star();
  else if (event.key === "Enter") enter(event);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Who types and presses Enter at once means what was typed, not what the list still shows. */
function enter(event) {
  if (parts.drawn === parts.input.value.trim()) return follow(event);
  parts.enter = event;
  load();
}

function follow(event) {
  parts.enter = null;
  const row = parts.options.current();
  if (!row) return;
  if (row.item.fields || row.item.does) act(event, row);
  else if (event.ctrlKey || event.metaKey) window.open(row.href, "_blank", "noopener");
  else row.click();
}

/** An action that is no page: a form of the page's own, or what a script does. */
function act(event, { item }) {
  event.preventDefault();
  parts.box.close();
  if (item.does === "keys") return help();
  if (item.does === "signout") return $("[data-signout]").click();
  const form = $("#act").cloneNode(true);
  form.removeAttribute("id");
  form.action = item.url;
  form.append(...item.fields.map(([name, value]) => el("input", { type: "hidden", name, value })));
  document.body.append(form);
  form.submit();
  form.remove();
}

async function star() {
  const row = parts.options.current();
  if (!row?.item.id) return;
  const on = !row.item.starred;
  if (!(await toggleStar(row.item.url, on))) return say(t("The star was not kept. Try again in a moment."));
  row.item.starred = on;
  row.classList.toggle("c-starred", on);
  say(on ? t("Starred") : t("Star taken away"));
}

/** The list of keys ([keys, what they do]), opened with "?" or from the help menu, with a remark above it. */
export function sheet(rows, said) {
  const list = el("dl", { class: "c-keys" });
  for (const [keys, does] of rows) {
    list.append(el("dt", {}, ...keys.split(" ").map((key) => el("kbd", { class: "me-1" }, key))), el("dd", {}, does));
  }
  const close = el("button", { class: "btn btn-q btn-s btn-i ms-auto", type: "button", "aria-label": t("Close") }, icon("x"));
  const head = el("div", { class: "hstack mb-3" }, el("h2", { id: "keys-title" }, t("Keyboard shortcuts")), close);
  const box = dialog("keys-title", head, said ? el("p", { class: "c-note warn p-2 mb-3" }, said) : null, list);
  box.classList.add("w");
  close.addEventListener("click", () => box.close());
}

// The palette (Ctrl K): records first, then views and actions, each group five rows, drawn from /search/palette?q=.
import { $, debounce, el, latest, on, t, withQuery } from "c/dom";
import { listbox, option, remark } from "c/options";

const ask = latest();
let parts;

export function start() {
  const box = $("#palette");
  if (!box) return;
  const input = $("input", box);
  const list = $("#palette-list");
  parts = { box, input, list, options: listbox(input, list) };
  on("click", "[data-palette]", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open();
  });
  input.addEventListener("input", debounce(120, load));
  input.addEventListener("keydown", press);
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
}

function open() {
  parts.enter = null;
  if (!parts.box.open) parts.box.showModal();
  parts.input.select();
  load();
}

async function load() {
  const q = parts.input.value.trim();
  try {
    draw((await ask(withQuery("/search/palette", q))).groups, q);
    parts.drawn = q;
    if (parts.enter) follow(parts.enter);
  } catch (error) {
    if (error.name !== "AbortError") parts.list.replaceChildren(remark(t("Search did not answer. Try again in a moment."), "err"));
  }
}

function draw(groups, q) {
  let count = 0;
  parts.list.replaceChildren(...groups.filter((group) => group.items.length).map((group) => {
    const rows = group.items.map((item) => option(`pal-${count++}`, item, q, item.url));
    return el("div", { role: "group", "aria-label": group.label }, el("p", { class: "t3 sm px-3 pt-2", "aria-hidden": "true" }, group.label), ...rows);
  }));
  if (!count) parts.list.append(remark(t("Nothing found that you may read.")));
  $("#palette-said").textContent = t("{n} results", { n: count });
  parts.options.first();
}

function press(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) parts.options.move(step);
  else if (event.key === "Enter") enter(event);
  // A search field would keep the first Escape to itself and empty what was typed.
  else if (event.key === "Escape") parts.box.close();
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
  const link = parts.options.current();
  if (link) event.ctrlKey || event.metaKey ? window.open(link.href, "_blank", "noopener") : link.click();
}

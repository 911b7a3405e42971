// ARIA combobox over the plain relation field: 200 ms after typing it asks data-combo?q= and shows eight rows of two lines.
// Answer: {items: [{id, title, sub}], more: bool}. The hidden input carries the id; with data-many choices become ticked boxes.
import { $, $$, debounce, el, icon, latest, t, withQuery } from "c/dom";
import { listbox, option, remark } from "c/options";

let made = 0;

export function enhance(root) {
  for (const box of $$("[data-combo]:not([data-ready])", root)) build(box);
}

function build(box) {
  const id = `combo-${made++}`;
  const input = $(":scope > input[type=text]", box);
  const hidden = $(":scope > input[type=hidden]", box);
  const list = el("div", { class: "c-pop", id, role: "listbox", "aria-label": t("Matches"), hidden: true });
  const combo = { box, input, hidden, list, many: box.dataset.many, ask: latest(), shown: input.value, options: listbox(input, list) };
  box.dataset.ready = "";
  box.append(list);
  input.readOnly = false;
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list", autocomplete: "off" })) input.setAttribute(name, value);
  if (!combo.many && !("required" in box.dataset)) addClear(combo);
  box.addEventListener("restore", (event) => refresh(combo, event.detail));
  const load = debounce(200, () => fill(combo));
  const typed = debounce(200, () => (combo.many || combo.input.value !== combo.shown) && fill(combo));
  input.addEventListener("input", typed);
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", load);
  input.addEventListener("keydown", (event) => press(combo, event));
  input.addEventListener("blur", () => leave(combo));
  input.form?.addEventListener("submit", (event) => holdBack(combo, event), true);
  list.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const row = event.target.closest("[role=option]:not([aria-disabled])");
    if (row) take(combo, row);
  });
}

function addClear(combo) {
  const label = t("Remove {name}", { name: combo.hidden.dataset.label ?? "" });
  const button = el("button", { class: "btn btn-q btn-s btn-i c-clear", type: "button", "aria-label": label, hidden: !combo.hidden.value }, icon("x"));
  button.addEventListener("click", () => {
    set(combo, "", "");
    combo.input.focus();
  });
  combo.clear = button;
  combo.box.append(button);
}

function fill(combo) {
  combo.asked = answer(combo);
}

async function answer(combo) {
  const q = combo.input.value === combo.shown && !combo.many ? "" : combo.input.value.trim();
  try {
    const { items, more } = await combo.ask(withQuery(combo.box.dataset.combo, q));
    const rows = items.map((item, index) => {
      const row = option(`${combo.list.id}-${index}`, item, q);
      row.dataset.id = item.id;
      row.dataset.title = item.title;
      return row;
    });
    if (!rows.length) rows.push(remark(q ? t("Nothing matches “{words}”", { words: q }) : t("Nothing to choose yet")));
    if (more) rows.push(remark(t("More matches, keep typing"), "hint"));
    combo.list.replaceChildren(...rows);
    show(combo, true);
    combo.options.first();
    combo.drawn = combo.input.value;
    if (combo.enter && combo.options.current()) take(combo, combo.options.current());
    else if (document.activeElement !== combo.input) leave(combo);
  } catch (error) {
    if (error.name === "AbortError") return combo.asked;
    combo.enter = false;
    combo.list.replaceChildren(remark(t("The search did not answer. Try again."), "err"));
    show(combo, true);
  }
}

function press(combo, event) {
  const open = !combo.list.hidden;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) open ? combo.options.move(step) : fill(combo);
  else if (event.key === "Enter" && (open || combo.input.value !== combo.shown)) enter(combo);
  else if (event.key === "Escape" && open) show(combo, false);
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Who types and presses Enter at once means what was typed, not what the list still shows. */
function enter(combo) {
  const row = combo.options.current();
  if (combo.drawn === combo.input.value) return row && take(combo, row);
  combo.enter = true;
  fill(combo);
}

function take(combo, row) {
  const { id, title } = row.dataset;
  combo.enter = false;
  combo.many ? tick(combo, id, title) : set(combo, id, title);
  show(combo, false);
}

function set(combo, id, title) {
  combo.hidden.value = id;
  combo.input.value = combo.shown = title;
  if (combo.clear) combo.clear.hidden = !id;
  combo.hidden.dispatchEvent(new Event("input", { bubbles: true }));
}

function tick(combo, id, title) {
  const there = $(`input[type=checkbox][value="${CSS.escape(id)}"]`, combo.box);
  if (there) there.checked = true;
  else $(".c-checks", combo.box).append(el("label", {}, el("input", { class: "form-check-input", type: "checkbox", name: combo.many, value: id, checked: true }), ` ${title}`));
  combo.input.value = "";
  combo.input.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A draft was put back: the plain field has its new values already, ticked boxes come as [[id, title]]. */
function refresh(combo, ticked) {
  if (combo.many) for (const [id, title] of ticked ?? []) tick(combo, id, title);
  else combo.shown = combo.input.value;
  if (combo.clear) combo.clear.hidden = !combo.hidden.value;
}

/** A form that is sent while Enter still waits for the rows goes out once they are there. */
function holdBack(combo, event) {
  if (!combo.enter) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  combo.asked.then(() => {
    combo.enter = false;
    event.target.requestSubmit(event.submitter);
  });
}

/** Leaving the field: an emptied text empties an optional field, any other unchosen text goes back to what was chosen. What
 * Enter has asked for still comes. */
function leave(combo) {
  show(combo, false);
  if (combo.enter && combo.drawn !== combo.input.value) return;
  combo.enter = false;
  if (combo.many) return;
  if (combo.input.value.trim() === "" && combo.clear && combo.hidden.value) set(combo, "", "");
  else combo.input.value = combo.shown;
}

function show(combo, open) {
  combo.list.hidden = !open;
  combo.input.setAttribute("aria-expanded", String(open));
  if (!open) combo.options.choose(null);
}

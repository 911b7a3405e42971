// Keyboard shortcuts. LIST is both what is listened for and what "?" shows, so that neither can name a key the other lacks.
// Single keys are off inside fields and for people who switched them off (body[data-keys=off]).
import { $, $$, on, t, typing } from "c/dom";
import { clearSelection, toggleRow } from "c/bulk";

// `key` with `control` or alone, and what it runs; what has a `name` instead is run by the script of its own page, which asks `is`.
const LIST = [
  { show: "Ctrl K", does: t("Search, go anywhere, do anything"), key: "k", control: true, run: openPalette },
  { show: "?", does: t("This list"), key: "?", run: help },
  { show: "J", does: t("Next row or record"), key: "j", run: () => step(1) || click("[data-key=j]") },
  { show: "K", does: t("Previous row or record"), key: "k", run: () => step(-1) || click("[data-key=k]") },
  { show: "Enter", does: t("Open the row, change the cell"), key: "Enter", name: "open" },
  { show: "← ↑ ↓ →", does: t("From cell to cell, from card to card"), key: "Arrow", name: "walk" },
  { show: "/", does: t("Search this list"), key: "/", run: () => focus("[data-slash]") },
  { show: "X", does: t("Select the row"), key: "x", run: () => toggleRow(false) },
  { show: "Shift X", does: t("Select all rows from the last one"), key: "x", shift: true, run: () => toggleRow(true) },
  { show: "N", does: t("New record"), key: "n", run: () => click("[data-key=n]") },
  { show: "E", does: t("Edit the record"), key: "e", run: () => click("[data-key=e]") },
  { show: "S", does: t("Star the record or the row"), key: "s", run: () => click(".c-at [data-star]") || click("[data-key=s]") },
  { show: "M", does: t("Move the card"), key: "m", name: "move" },
  { show: "Z", does: t("Undo the last change"), key: "z", run: () => click("[data-undo]") },
  { show: "Ctrl S", does: t("Save"), key: "s", control: true, run: () => click("[data-save]") },
  { show: "Ctrl Enter", does: t("Save and add another, add the note"), key: "enter", control: true, run: submit },
  { show: "Esc", does: t("Close, cancel, clear the selection"), key: "escape", run: escape },
  { show: "G", does: t("Go to, with the letters below"), key: "g", run: lead },
];
let leader = 0;
let early = null; // Enter in the palette before its script was here.

export function start() {
  if (!$("#palette")) return;
  document.addEventListener("keydown", press);
  on("click", "[data-keys-help]", help);
  on("click", "[data-palette]", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    openPalette();
  });
}

/** Whether an event is the key of an entry that the script of a page runs itself. */
export function is(name, event) {
  const { key } = LIST.find((one) => one.name === name);
  if (key.length === 1 && (off() || typing(event.target))) return false;
  return key === "Arrow" ? event.key.startsWith(key) : event.key.toLowerCase() === key.toLowerCase();
}

/** Opens the palette; its script comes with the first use. What is typed meanwhile is kept. */
export async function openPalette() {
  const box = $("#palette");
  if (!box.open) {
    box.showModal();
    $("input", box).select();
  }
  const { open } = await script();
  if (box.open) open(box, early);
  early = null;
}

/** The list of keys: those of this page's menu after G as well. */
export async function help() {
  const places = $$("[data-go]").map((link) => [`G ${link.dataset.go.toUpperCase()}`, t("Go to {place}", { place: link.textContent.trim() })]);
  const rows = [...LIST.map((one) => [one.show, one.does]), ...places];
  (await script()).sheet(rows, off() && t("Single keys are switched off. Your account page switches them on."));
}

const script = () => import($("#palette").dataset.script);
const off = () => document.body.dataset.keys === "off";

function press(event) {
  if (event.defaultPrevented || event.isComposing || event.altKey) return;
  const control = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  const single = !control && key !== "escape";
  if (key === "enter" && event.target.closest?.("#palette")) {
    early = event;
    return event.preventDefault();
  }
  if (single && (typing(event.target) || $("dialog[open]") || off())) return;
  if (single && Date.now() - leader < 1200) {
    leader = 0;
    if (click(`[data-go="${CSS.escape(key)}"]`)) event.preventDefault();
    return;
  }
  const shift = /[a-z]/.test(key) && key.length === 1 && event.shiftKey;
  const found = LIST.find((one) => one.run && one.key === key && Boolean(one.control) === control && Boolean(one.shift) === shift);
  if (found?.run(event) !== false && found) event.preventDefault();
}

function lead() {
  leader = Date.now();
}

function submit(event) {
  const note = event.target.closest?.("[data-note]");
  if (!note) return click("[data-save-next]") || click("[data-save]");
  note.requestSubmit();
}

function escape() {
  // A search field would keep the first Escape to itself and empty what was typed.
  if ($("#palette").open) return $("#palette").close();
  if (!$(":popover-open") && !$("dialog[open]")) clearSelection();
  return false;
}

function click(selector) {
  const target = $(selector);
  target?.click();
  return Boolean(target);
}

function focus(selector) {
  $(selector)?.focus();
}

/** Moves the mark in a list by one row and focuses its link. */
function step(by) {
  const rows = $$(".c-cards tbody tr");
  if (!rows.length) return false;
  const now = rows.findIndex((row) => row.classList.contains("c-at"));
  const next = rows[Math.min(Math.max(now + by, 0), rows.length - 1)];
  rows[now]?.classList.remove("c-at");
  next.classList.add("c-at");
  $("a", next)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

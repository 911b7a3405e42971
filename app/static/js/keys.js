// Keyboard shortcuts. Single keys are off inside fields and for people who switched them off (body[data-keys=off]).
import { $, $$, on, t, typing } from "c/dom";
import { keysDialog } from "c/dialog";
import { clearSelection, toggleRow } from "c/bulk";

const ROWS = [
  ["Ctrl K", t("Search and commands")], ["J K", t("Next, previous row or record")], ["/", t("Search this list")],
  ["X", t("Select row; with Shift a range")], ["N", t("New record")], ["E", t("Edit")], ["G C", t("Go to contacts")],
  ["G D", t("Go to deals")], ["G T", t("Go to today")], ["G A", t("Go to the audit log")], ["Z", t("Undo the last change")],
  ["Enter", t("Open the row, edit the cell")], ["← ↑ ↓ →", t("Cells, cards")], ["M", t("Move a card")], ["Ctrl S", t("Save")], ["Ctrl Enter", t("Save and add another, add note")],
  ["Esc", t("Close, clear selection")], ["?", t("This list")],
];
let leader = 0;

export function start() {
  document.addEventListener("keydown", press);
  on("click", "[data-keys-help]", () => keysDialog(ROWS));
}

function press(event) {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.ctrlKey || event.metaKey) return withControl(event);
  if (event.key === "Escape") return escape();
  if (event.altKey || typing(event.target) || $("dialog[open]") || document.body.dataset.keys === "off") return;
  if (single(event)) event.preventDefault();
}

function withControl(event) {
  const key = event.key.toLowerCase();
  const note = key === "enter" && event.target.closest?.("[data-note]");
  if (note) note.requestSubmit();
  const button = key === "s" ? $("[data-save]") : key === "enter" && !note ? $("[data-save-next]") ?? $("[data-save]") : null;
  if (button) button.click();
  if (button || note) event.preventDefault();
}

function escape() {
  if (!$(":popover-open") && !$("dialog[open]")) clearSelection();
}

/** Runs one single-key shortcut; true when the key was ours. */
function single(event) {
  const key = event.key.toLowerCase();
  if (Date.now() - leader < 1200) {
    leader = 0;
    return follow(`[data-go="${CSS.escape(key)}"]`);
  }
  if (key === "g") leader = Date.now();
  else if (key === "/") $("[data-slash]")?.focus();
  else if (key === "?") keysDialog(ROWS);
  else if (key === "x") return toggleRow(event.shiftKey);
  else if (key === "z") return follow("[data-undo]");
  else if (key === "j" || key === "k") return move(key === "j" ? 1 : -1) || follow(`[data-key=${key}]`);
  else if (/^[a-z]$/.test(key) && !event.shiftKey) return follow(`[data-key=${key}]`);
  else return false;
  return true;
}

function follow(selector) {
  const target = $(selector);
  target?.click();
  return Boolean(target);
}

/** Moves the mark in a list by one row and focuses its link. */
function move(step) {
  const rows = $$(".c-cards tbody tr");
  if (!rows.length) return false;
  const now = rows.findIndex((row) => row.classList.contains("c-at"));
  const next = rows[Math.min(Math.max(now + step, 0), rows.length - 1)];
  rows[now]?.classList.remove("c-at");
  next.classList.add("c-at");
  $("a", next)?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  return true;
}

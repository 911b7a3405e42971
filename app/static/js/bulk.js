// Bulk selection of a list: header box, Shift ranges, X, the count in the bar. Whether the bar shows is the stylesheet's work.
import { $, $$, on, t } from "c/dom";

let last = null;

export function start() {
  if (!$("[data-bulk]")) return;
  on("click", ".k1 input", (event, box) => {
    if (event.shiftKey) range(box);
    last = box;
    update();
  });
  on("change", "[data-all]", (_event, all) => {
    for (const box of boxes()) box.checked = all.checked;
    update();
  });
  on("change", "[name=all_matching]", update);
  $("[data-bulk]").addEventListener("reset", () => setTimeout(update));
  addEventListener("pageshow", update);
}

const boxes = () => $$("[data-bulk] .k1 input");

function range(box) {
  const all = boxes();
  const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
  if (from >= 0) for (const one of all.slice(from, to + 1)) one.checked = box.checked;
}

function update() {
  const all = boxes();
  const chosen = all.filter((box) => box.checked).length;
  const head = $("[data-all]");
  const matching = $("[name=all_matching]");
  if (chosen === 0 && matching) matching.checked = false;
  if (head) {
    head.checked = chosen > 0 && chosen === all.length;
    head.indeterminate = chosen > 0 && chosen < all.length;
  }
  const label = $("[data-selected]");
  if (label) label.textContent = matching?.checked ? t("All {n} selected", { n: $("#count").textContent }) : t("{n} selected", { n: chosen });
}

/** Ticks the row under the mark (or the focused one); with `ranged` all from the last ticked row. False outside a list. */
export function toggleRow(ranged) {
  const box = $(".c-at .k1 input") ?? $("tr:focus-within .k1 input") ?? $(".k1 input");
  if (!box) return false;
  box.checked = !box.checked;
  if (ranged) range(box);
  last = box;
  update();
  return true;
}

export function clearSelection() {
  if ($("[data-bulk] .k1 :checked")) $("[data-bulk]").reset();
}

// Toasts: good news with an undo, one at a time, 8 s, kept while pointed at or focused. Errors are never toasts.
import { $, $$, el, icon, on, t } from "c/dom";

const STAY = 8000;
let timer;

export function start() {
  const box = $("#toasts");
  if (!box) return;
  on("click", "[data-dismiss]", (_event, button) => drop(button.closest(".c-toast")));
  for (const type of ["mouseover", "focusin"]) box.addEventListener(type, () => clearTimeout(timer));
  for (const type of ["mouseout", "focusout"]) box.addEventListener(type, wait);
  document.addEventListener("htmx:oobAfterSwap", show);
  show();
}

/** Shows one line after those that wait. */
export function toast(text) {
  const close = el("button", { class: "btn btn-q btn-s btn-i", type: "button", "data-dismiss": true, "aria-label": t("Dismiss") }, icon("x"));
  $("#toasts")?.append(el("div", { class: "c-float c-toast" }, el("span", {}, text), close));
  show();
}

export function show() {
  const all = $$("#toasts .c-toast");
  all.forEach((one, index) => { one.hidden = index > 0; });
  if (all.length) wait();
}

function wait() {
  clearTimeout(timer);
  timer = setTimeout(() => drop($("#toasts .c-toast")), STAY);
}

function drop(one) {
  one?.remove();
  show();
}

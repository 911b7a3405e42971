// A cell of a table is changed in place: Enter or a double click fetches the form of its one field into #cell, laid over the
// cell. Which columns can be changed, and by which field, stands on their heads; the arrow keys walk from cell to cell.
import { $, $$, t } from "c/dom";
import { is } from "c/keys";

const table = $("[data-cells]");
const box = $("#cell");
let cell = null;
let before = "";
let busy = false;

const fieldOf = (td) => table.tHead.rows[0].cells[td.cellIndex]?.dataset.e;
const state = () => JSON.stringify([...new FormData($("form", box))].filter(([name]) => !/^(csrf_token|version|next)$/.test(name)));
const linkOf = (td) => $(".k2 a", td.parentNode);

function open(td) {
  const link = linkOf(td);
  if (!link || !fieldOf(td)) return;
  cell = td;
  box.replaceChildren();
  window.htmx.ajax("GET", `${link.pathname}/cell/${fieldOf(td)}`, { target: box });
}

/** The form is there, or there again with what is wrong. What it held at first is what leaving it compares with. */
function begin(first) {
  const field = $("[aria-invalid]", box) ?? $("input:not([type=hidden]),select,textarea", box);
  if (first) before = state();
  if (!box.contains(document.activeElement)) field?.focus();
  if (first) field?.select?.();
}

function close() {
  if (box.matches(":popover-open")) box.hidePopover();
  box.replaceChildren();
  focus(cell);
  cell = null;
}

function focus(td) {
  if (!td) return;
  td.tabIndex = -1;
  td.focus({ preventScroll: true });
  td.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function walk(from, key) {
  const down = { ArrowDown: 1, ArrowUp: -1 }[key] ?? 0;
  const rows = $$("tbody tr", table).filter((row) => $(".k2", row));
  const row = rows[rows.indexOf(from.parentNode) + down];
  const next = row?.cells[from.cellIndex + ({ ArrowRight: 1, ArrowLeft: -1 }[key] ?? 0)];
  if (!next || next.matches(".k1")) return false;
  next.matches(".k2") ? $("a", next).focus() : focus(next);
  return true;
}

table.addEventListener("dblclick", (event) => {
  const td = event.target.closest("td");
  if (!td || !fieldOf(td)) return;
  event.preventDefault();
  open(td);
});
table.addEventListener("click", (event) => {
  const td = event.target.closest("td");
  if (td && fieldOf(td) && !event.target.closest("a,input")) focus(td);
});
table.addEventListener("keydown", (event) => {
  const td = event.target.closest("td");
  if (!td || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) return;
  if (is("walk", event) && walk(td, event.key)) event.preventDefault();
  else if (is("open", event) && event.target === td) open(td);
  else if (event.key === "Escape" && event.target === td) linkOf(td)?.focus();
  else return;
  event.preventDefault();
});
box.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || !["Enter", "Escape"].includes(event.key) || event.target.matches("button")) return;
  event.preventDefault();
  event.stopPropagation();
  event.key === "Enter" ? $("form", box).requestSubmit() : close();
});
box.addEventListener("click", (event) => {
  if (event.target.closest("[data-cell-cancel]")) close();
});
// Leaving the field keeps what was typed; where nothing was, the cell closes.
box.addEventListener("focusout", () => setTimeout(() => {
  const form = $("form", box);
  if (!form || busy || box.contains(document.activeElement) || !document.hasFocus()) return;
  state() === before ? close() : form.requestSubmit();
}));
box.addEventListener("htmx:beforeSwap", (event) => {
  if (![409, 422].includes(event.detail.xhr.status)) return;
  event.detail.shouldSwap = true;
  event.detail.isError = false;
});
box.addEventListener("htmx:beforeRequest", () => { busy = true; });
// Not before it has settled: until then htmx does not know the form.
box.addEventListener("htmx:afterSettle", () => {
  busy = false;
  const saved = $("[data-saved]", box);
  if (saved) cell.replaceChildren(...saved.childNodes);
  if (saved) return close();
  const first = !box.matches(":popover-open");
  if (first) box.showPopover({ source: cell });
  begin(first);
});
for (const failed of ["htmx:responseError", "htmx:sendError"]) box.addEventListener(failed, () => {
  busy = false;
  const form = $("form", box);
  if (!form) return location.assign(linkOf(cell).href);
  $(".err", form)?.remove();
  const line = document.createElement("p");
  line.className = "err";
  line.setAttribute("role", "alert");
  line.textContent = t("This was not saved. What you typed is still here: try again, or open the record.");
  form.append(line);
});

// Arranging a dashboard: tiles are dragged, or moved from their menus. Every step is the form #act, sent to the tile's own
// address; what comes back replaces the board and brings the toast with Undo.
import { $, $$, on } from "c/dom";
import { show } from "c/toast";

let dragged = null;

function ready() {
  for (const tile of $$("[data-tile]")) tile.draggable = true;
}

async function place(tile, name, value) {
  const body = new FormData($("#act"));
  body.append(name, value);
  try {
    const answer = await fetch(tile.dataset.place, { method: "POST", body, credentials: "same-origin", headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && $("#board", page)) return renew(page, tile.id);
  } catch {
    // Said by the page itself, below.
  }
  askOnPage(tile.dataset.place, name, value);
}

function renew(page, id) {
  const scroll = $(".c-scroll");
  const place = scroll.scrollTop;
  $("#board").replaceWith(document.importNode($("#board", page), true));
  scroll.scrollTop = place;
  $("#toasts").replaceChildren(...$$("#toasts .c-toast", page).map((one) => document.importNode(one, true)));
  show();
  ready();
  const tile = document.getElementById(id);
  tile?.classList.add("c-lift");
  ($("[popovertarget]", tile ?? $("#board")) ?? scroll).focus({ preventScroll: true });
  tile?.scrollIntoView({ block: "nearest" });
}

/** Sends the step as a page would, so that what is wrong is told there. */
function askOnPage(url, name, value) {
  const form = $("#act");
  form.action = url;
  form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  HTMLFormElement.prototype.submit.call(form);
}

function over(tile) {
  for (const one of $$(".c-over-lane")) if (one !== tile) one.classList.remove("c-over-lane");
  tile?.classList.add("c-over-lane");
}

/** Dropped on a tile behind it, a tile takes that one's place, and so stands after it. */
function target(tile) {
  const all = $$("[data-tile]");
  const [from, to] = [all.indexOf(dragged), all.indexOf(tile)];
  return from < to ? all[to + 1]?.dataset.tile ?? "" : tile.dataset.tile;
}

on("click", "[data-tile] .c-menu button", (event, button) => {
  event.preventDefault();
  button.closest(".c-menu").hidePopover();
  place(button.closest("[data-tile]"), button.name, button.value);
});
on("dragstart", "[data-tile]", (event, tile) => {
  dragged = tile;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", $("b", tile).textContent);
});
on("dragover", "[data-tile]", (event, tile) => {
  if (!dragged || tile === dragged) return over(null);
  event.preventDefault();
  over(tile);
});
on("drop", "[data-tile]", (event, tile) => {
  event.preventDefault();
  if (dragged && tile !== dragged) place(dragged, "before", target(tile));
});
document.addEventListener("dragend", () => {
  dragged = null;
  over(null);
});
ready();

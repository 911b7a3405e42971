// A board: a card is dragged to another column, or moved from its menu (the button of the card, or M). Every move is the form
// #move, sent to the card's own address; what comes back replaces the board and brings the toast with Undo.
import { $, $$, on } from "c/dom";
import { is } from "c/keys";
import { show } from "c/toast";

const form = $("#move");
let moving = null;

const laneOf = (card) => card.closest("section").dataset.lane;
const cardAt = (node) => node.closest?.(".c-card");

function ready() {
  for (const card of $$(".c-card")) {
    card.draggable = true;
    for (const link of $$("a", card)) link.draggable = false;
  }
}

function openMenu(link) {
  moving = cardAt(link);
  for (const button of $$("button", form)) button.setAttribute("aria-current", String(button.value === laneOf(moving)));
  form.showPopover({ source: link });
  $("button[aria-current=false]", form)?.focus();
}

async function move(card, value) {
  if (value === laneOf(card)) return;
  const name = $("button", form).name;
  form.action = $(".c-mv", card).href;
  form.elements.version.value = card.dataset.v;
  const body = new FormData(form);
  body.append(name, value);
  const page = await sent(body);
  if (page) renew(page, card.id);
  else askOnPage(name, value);
}

/** The board as it stands after the move; null when the server has something to say about it first. */
async function sent(body) {
  try {
    const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin", headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return answer.ok && $("#board", page) ? page : null;
  } catch {
    return null;
  }
}

function renew(page, id) {
  const old = $("#board .c-scroll");
  const place = [old.scrollLeft, old.scrollTop];
  $("#board").replaceWith(document.importNode($("#board", page), true));
  $("#board .c-scroll").scrollTo(...place);
  $("#toasts").replaceChildren(...$$("#toasts .c-toast", page).map((one) => document.importNode(one, true)));
  show();
  ready();
  const card = document.getElementById(id);
  card?.classList.add("c-lift");
  $("a", card ?? $("#board"))?.focus({ preventScroll: true });
}

/** Sends the form as a page would: a conflict, or what the field's rules refuse, is told there and nothing is lost. */
function askOnPage(name, value) {
  const field = Object.assign(document.createElement("input"), { type: "hidden", name, value });
  form.append(field);
  HTMLFormElement.prototype.submit.call(form);
}

function press(event) {
  const card = cardAt(event.target);
  if (!card || event.ctrlKey || event.metaKey || event.altKey) return;
  if (is("move", event)) openMenu($(".c-mv", card));
  else if (is("walk", event)) walk(card, event.key);
  else return;
  event.preventDefault();
}

/** Up and down within a column, left and right to the nearest card of the next column that has one. */
function walk(card, key) {
  const lanes = $$("#board section").map((lane) => $$(".c-card", lane));
  const at = lanes.findIndex((cards) => cards.includes(card));
  const place = lanes[at].indexOf(card);
  const step = { ArrowUp: -1, ArrowLeft: -1 }[key] ?? 1;
  const beside = step < 0 ? lanes.slice(0, at).reverse() : lanes.slice(at + 1);
  const next = /Up|Down/.test(key) ? lanes[at][place + step] : beside.find((cards) => cards.length)?.slice(0, place + 1).at(-1);
  if (!next) return;
  $("a", next).focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function over(lane) {
  for (const one of $$(".c-over-lane")) if (one !== lane) one.classList.remove("c-over-lane");
  lane?.classList.add("c-over-lane");
}

on("click", ".c-mv", (event, link) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  openMenu(link);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  form.hidePopover();
  move(moving, event.submitter.value);
});
on("dragstart", ".c-card", (event, card) => {
  moving = card;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", $("a", card).textContent);
});
on("dragover", "[data-lane]", (event, lane) => {
  if (!moving || lane.contains(moving)) return over(null);
  event.preventDefault();
  over(lane);
});
on("drop", "[data-lane]", (event, lane) => {
  event.preventDefault();
  if (moving) move(moving, lane.dataset.lane);
});
document.addEventListener("dragend", () => {
  moving = null;
  over(null);
});
document.addEventListener("keydown", press);
ready();

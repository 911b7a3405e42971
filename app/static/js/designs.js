// The block editor. The form works without this; here it is saved while one types, acts of its buttons replace only the form,
// and the preview follows (by hand: designs_hand.js). What could not be saved stays in the form, and on this device.
import { $, $$, debounce, on, t } from "c/dom";
import { enhance } from "c/combobox";

const KEY = `design:${location.pathname}`;
let running = Promise.resolve();

const form = () => $("#design");
const say = (text) => ($("#d-state").textContent = text);

/** One request after the other, so that each knows the version that the one before left. */
function next(work) {
  running = running.then(work, work);
  return running;
}

async function send(button) {
  const data = new FormData(form(), button ?? undefined);
  const accept = button ? "text/html" : "application/json";
  const url = button?.getAttribute("formaction") || form().action;
  return fetch(url, { method: "POST", body: data, credentials: "same-origin", headers: { Accept: accept } });
}

async function save() {
  say(t("Saving…"));
  try {
    const answer = await send(null);
    const { version, errors } = await answer.json();
    form().elements.version.value = version;
    tell(errors);
    if (answer.ok) {
      localStorage.removeItem(KEY);
      say(t("Saved"));
      look(version);
    } else {
      keep();
      say(t("Not saved yet"));
    }
  } catch {
    keep();
    say(t("Not saved: no connection. It is kept on this device."));
  }
}

/** What is wrong, at its block; the rest above the form. */
function tell(errors) {
  for (const block of $$(".c-block")) {
    const text = errors[block.dataset.block] ?? "";
    const place = $(`#e-${block.dataset.block}`);
    place.textContent = text;
    place.hidden = !text;
  }
  const rest = Object.entries(errors).filter(([name]) => !document.getElementById(`b-${name}`)).map(([, text]) => text);
  const problem = $("#d-problem");
  $("p", problem).textContent = rest.join(" ");
  problem.hidden = rest.length === 0;
}

function look(version) {
  const frame = $("#d-frame");
  frame.src = frame.src.replace(/v=\d+/, `v=${version}`);
}

async function act(button) {
  const focus = button.value;
  let page;
  try {
    const answer = await send(button);
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    page = null;
  }
  if (!page || !$("#design", page)) {
    keep();
    say(t("Not saved: no connection. It is kept on this device."));
    return;
  }
  form().replaceWith(document.importNode($("#design", page), true));
  enhance(form());
  window.htmx.process(form());
  look(form().elements.version.value);
  say(t("Saved"));
  stand(focus);
}

/** Back to where the hand was: the same button of the same block, its first field, or the undo. */
function stand(value) {
  const [verb] = value.split(":");
  const at = form().dataset.at;
  const block = at ? document.getElementById(`b-${at}`) : null;
  const same = $$("button[name=do]", form()).find((one) => one.value === value && !one.disabled);
  const field = block && $("textarea,input:not([type=hidden]):not([type=file])", block);
  const goal = verb === "add" || verb === "deal" ? field ?? block : same ?? $("#d-undo") ?? field ?? form();
  goal?.focus({ preventScroll: false });
  block?.scrollIntoView({ block: "nearest" });
}

function keep() {
  const data = Object.fromEntries([...new FormData(form())].filter(([name, value]) => typeof value === "string" && !["csrf_token", "version", "was"].includes(name)).map(([name, value]) => [name, value]));
  localStorage.setItem(KEY, JSON.stringify(data));
}

/** Texts that an earlier visit could not save come back where their blocks still are. */
function restore() {
  const kept = JSON.parse(localStorage.getItem(KEY) || "null");
  if (!kept) return;
  let found = false;
  for (const [name, value] of Object.entries(kept)) {
    const field = name !== "block" && form().elements[name];
    if (field && "value" in field && field.value !== value && field.type !== "hidden" && field.type !== "file") {
      field.value = value;
      found = true;
    }
  }
  if (found) next(save);
}

const soon = debounce(900, () => next(save));
on("input", "#design", (event) => {
  if (event.target.type === "file" || ["template", "wish"].includes(event.target.name) || event.target.closest(".c-combo")) return;
  say(t("Not saved yet"));
  soon();
});
on("change", "[data-picture]", (event, field) => field.files.length && next(() => act($("button[formaction]", field.parentElement))));
on("click", "[data-width]", (event, button) => {
  for (const one of $$("[data-width]")) one.setAttribute("aria-pressed", String(one === button));
  $("#d-frame").classList.toggle("c-phonewide", button.dataset.width === "phone");
});
on("submit", "#design", (event) => {
  event.preventDefault();
  const button = event.submitter;
  next(() => (button?.name === "do" || button?.hasAttribute("formaction") ? act(button) : save()));
});
// After a block was dragged to another place.
document.addEventListener("moved", (event) =>
  next(async () => {
    await save();
    say(t("Moved"));
    form().dataset.at = event.detail;
  }),
);
window.addEventListener("beforeunload", () => $("#d-state").textContent === t("Not saved yet") && keep());
restore();

// Long forms: count of unsaved changes, a draft on this device until the save has succeeded, rows added in place.
// Drafts are keyed by person and address, never hold passwords, files or fields marked data-secret, and go at sign-out.
import { $, $$, debounce, on, t } from "c/dom";

const PREFIX = "draft:";
const SENT = "draft-sent";
const OURS = /^(csrf_token|version|conflict-.*|pick.*|add_row|again)$/;

export function start() {
  on("click", "[data-signout]", forgetAll);
  on("click", "[data-add-row]", addRow);
  const form = $("form[data-draft]");
  settle(form);
  if (!form) return;
  const state = { form, key: PREFIX + form.dataset.draft, before: values(form) };
  form.addEventListener("input", () => count(state));
  form.addEventListener("change", () => count(state));
  form.addEventListener("input", debounce(400, () => keep(state)));
  form.addEventListener("submit", (event) => {
    if (!event.submitter?.hasAttribute("formnovalidate")) sessionStorage.setItem(SENT, state.key);
  });
  on("click", "[data-cancel]", () => localStorage.removeItem(state.key));
  offer(state);
  $("#problems")?.focus();
}

/** After a submit: the draft goes when a page of the console came back that is neither an error nor the same form refused. */
function settle(form) {
  const sent = sessionStorage.getItem(SENT);
  sessionStorage.removeItem(SENT);
  if (!sent || !$(".c-app") || $("[data-error-page]")) return;
  if (PREFIX + form?.dataset.draft === sent && "failed" in form.dataset) return;
  localStorage.removeItem(sent);
}

/** {name: [values]} that a draft may hold. */
function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (!field.name || OURS.test(field.name) || field.matches("button,fieldset,[type=password],[type=file],[data-secret]")) continue;
    found[field.name] ??= [];
    if (!field.matches("[type=checkbox],[type=radio]") || field.checked) found[field.name].push(field.value);
  }
  return found;
}

function changes(state) {
  const now = values(state.form);
  const names = new Set([...Object.keys(now), ...Object.keys(state.before)]);
  return [...names].filter((name) => !/-(text|count)$/.test(name) && String(now[name] ?? "") !== String(state.before[name] ?? ""));
}

function count(state) {
  const changed = changes(state).length;
  const text = !changed ? "" : changed === 1 ? t("1 unsaved change") : t("{n} unsaved changes", { n: changed });
  for (const place of $$("[data-unsaved]")) place.textContent = text || (place.closest("li") ? t("No changes yet") : "");
}

function keep(state) {
  try {
    if (!changes(state).length) return localStorage.removeItem(state.key);
    const draft = { at: Date.now(), version: state.form.elements.version?.value, values: values(state.form), ticked: ticked(state.form) };
    localStorage.setItem(state.key, JSON.stringify(draft));
    $("[data-draft-note]").textContent = t("Draft kept on this device, {time}", { time: clock(draft.at) });
  } catch {
    $("[data-draft-note]").textContent = t("This device has no room for a draft");
  }
}

/** {field name: [[id, title]]} of relations with several values, whose boxes are not in a fresh page. */
function ticked(form) {
  const boxes = $$("[data-many]", form).map((box) => [box.dataset.many, $$("input:checked", box).map((one) => [one.value, one.parentNode.textContent.trim()])]);
  return Object.fromEntries(boxes);
}

const clock = (at) => new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function offer(state) {
  const box = $("[data-draft-box]");
  const draft = JSON.parse(localStorage.getItem(state.key) ?? "null");
  const { form } = state, now = values(form);
  if (!draft || "failed" in form.dataset || Object.keys(draft.values).every((name) => form.elements[name]?.type === "hidden" || `${draft.values[name]}` === `${now[name] ?? ""}`)) return;
  $("[data-draft-when]").textContent = t("From {day} at {time}", { day: new Date(draft.at).toLocaleDateString(document.documentElement.lang), time: clock(draft.at) });
  box.hidden = false;
  $("[data-draft-restore]").addEventListener("click", () => {
    restore(form, draft);
    box.hidden = true;
    count(state);
  });
  $("[data-draft-drop]").addEventListener("click", () => {
    localStorage.removeItem(state.key);
    box.hidden = true;
  });
}

/** Puts the kept values back. The version comes back too, so that the server sees what others changed. */
function restore(form, draft) {
  for (const kids of $$("[data-kids]", form)) {
    const wanted = Number(draft.values[`${kids.dataset.kids}-count`]?.[0] ?? 0);
    while (Number($("input[name$=-count]", kids).value) < wanted && grow(kids));
  }
  for (const field of form.elements) {
    const kept = draft.values[field.name];
    if (!kept) continue;
    if (field.matches("[type=checkbox],[type=radio]")) field.checked = kept.includes(field.value);
    else field.value = kept[0] ?? "";
  }
  for (const box of $$("[data-combo]", form)) box.dispatchEvent(new CustomEvent("restore", { detail: draft.ticked?.[box.dataset.many] }));
  if (draft.version && form.elements.version) form.elements.version.value = draft.version;
}

function addRow(event, button) {
  const kids = button.closest("[data-kids]");
  const made = grow(kids);
  if (!made) return;
  event.preventDefault();
  $("input:not([type=hidden]),select", made).focus();
  kids.dispatchEvent(new Event("input", { bubbles: true }));
}

/** A copy of the last row, emptied and numbered; null when there is none to copy (the server then adds the first). */
function grow(kids) {
  const last = $$("[data-kid]", kids).at(-1);
  if (!last) return null;
  const counter = $("input[name$=-count]", kids);
  const [name, index] = [kids.dataset.kids, Number(counter.value)];
  const row = last.cloneNode(true);
  for (const error of $$(".err", row)) error.remove();
  for (const field of $$("[name]", row)) {
    field.name = field.name.replace(new RegExp(`^${name}-\\d+-`), `${name}-${index}-`);
    field.id &&= `f-${field.name}`;
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
    if (field.matches("[type=checkbox]")) field.checked = false;
    else if (!field.matches("select")) field.value = "";
    field.setAttribute("aria-label", (field.getAttribute("aria-label") ?? "").replace(/\d+$/, index + 1) || t("Remove row {n}", { n: index + 1 }));
  }
  counter.value = index + 1;
  last.after(row);
  return row;
}

function forgetAll() {
  for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) localStorage.removeItem(key);
}

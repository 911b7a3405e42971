// The records opened last, in this browser alone: "contact.12", one list for each person and workspace, emptied at sign-out.
import { $, on } from "c/dom";

const MOST = 30;
const MARK = "recent.";

export function start() {
  on("click", "[data-signout]", forget);
  const opened = $("[data-record]")?.dataset.record;
  if (opened && name()) keep(opened);
}

export function recent() {
  try {
    const kept = JSON.parse(localStorage.getItem(name()) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => /^[a-z_]+\.\d+$/.test(one)).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** None while somebody acts as another: what they open then is not theirs to keep. */
const name = () => document.body.dataset.mine && MARK + document.body.dataset.mine;

function keep(opened) {
  try {
    localStorage.setItem(name(), JSON.stringify([opened, ...recent().filter((one) => one !== opened)].slice(0, MOST)));
  } catch {
    // A browser that keeps nothing has no recent records.
  }
}

function forget() {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(MARK)) localStorage.removeItem(key);
  } catch {
    // Nothing was kept.
  }
}

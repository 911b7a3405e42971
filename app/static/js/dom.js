// Small DOM verbs that every module uses. Nothing here knows a page.

export const $ = (selector, root = document) => root.querySelector(selector);
export const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

/** A text in the language of the page, its {places} filled in; the page brings the texts where it is not English. */
export function t(text, values = {}) {
  words ??= JSON.parse($("#words")?.textContent || "{}");
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
let words;

/** Makes an element; attributes set to false or null are left out. Strings become text, never markup. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** An icon of the sprite, hidden from assistive technology. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${document.body.dataset.sprite}#${name}`);
  svg.setAttribute("class", "i");
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** Listens once on the document for events inside `selector`; the handler gets (event, matched element). */
export function on(type, selector, handler) {
  document.addEventListener(type, (event) => {
    const found = event.target.closest?.(selector);
    if (found) handler(event, found);
  });
}

/** Is the person typing, so that single keys belong to the field? */
export function typing(target) {
  return Boolean(target.closest?.("input:not([type=checkbox],[type=radio],[type=submit],[type=button]),textarea,select,[contenteditable=true]"));
}

/** The word after `wait` ms without another call; earlier calls are dropped. */
export function debounce(wait, run) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), wait);
  };
}

/** Fetches JSON, aborting the request that the same function object still has under way. */
export function latest() {
  let running;
  return async (url) => {
    running?.abort();
    running = new AbortController();
    const answer = await fetch(url, { signal: running.signal, headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  };
}

export const withQuery = (url, q) => `${url}${url.includes("?") ? "&" : "?"}q=${encodeURIComponent(q)}`;

/** Stars the record at an address, or takes the star away; false when the server did not. */
export async function toggleStar(url, on) {
  const body = new FormData($("#act"));
  body.set("on", on ? "1" : "");
  try {
    return (await fetch(`${new URL(url, location).pathname}/star`, { method: "POST", body, credentials: "same-origin", headers: { Accept: "application/json" } })).ok;
  } catch {
    return false;
  }
}

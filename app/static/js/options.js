// A listbox under a text field: draws options, keeps the chosen one, answers the arrow keys. Used by the palette and the pickers.
import { $$, el, icon } from "c/dom";

/** Text with the part that matches `q` in bold. */
export function marked(text, q) {
  const at = q ? text.toLowerCase().indexOf(q.toLowerCase()) : -1;
  if (at < 0) return [text];
  return [text.slice(0, at), el("b", { class: "fw-semibold" }, text.slice(at, at + q.length)), text.slice(at + q.length)];
}

/** One option row: {title, sub, initials, icon, key}; an `href` makes it a link. */
export function option(id, item, q, href) {
  const sub = item.sub ? el("span", { class: "t3 sm" }, href ? ` ${item.sub}` : item.sub) : null;
  const lines = href ? [...marked(item.title, q), sub] : [...marked(item.title, q), sub && el("br"), sub];
  const face = item.initials ? el("span", { class: "c-av", "aria-hidden": "true" }, item.initials) : item.icon ? icon(item.icon) : null;
  const tag = href ? "a" : "div";
  return el(tag, { role: "option", id, href, tabindex: "-1", "aria-selected": "false", class: item.starred && "c-starred" }, face, el("span", { class: "flex-fill text-truncate" }, ...lines), item.key ? el("kbd", {}, item.key) : null, "starred" in item ? el("span", { class: "c-pstar" }, icon("star")) : null);
}

/** A line in a listbox that can't be chosen: nothing found, more to come, no answer. */
export const remark = (text, kind = "t3") => el("div", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: kind }, text);

/** Keeps `aria-activedescendant` of `input` on one option of `box`. */
export function listbox(input, box) {
  const all = () => $$("[role=option]:not([aria-disabled])", box);
  const current = () => all().find((one) => one.getAttribute("aria-selected") === "true");
  const choose = (one) => {
    for (const other of all()) other.setAttribute("aria-selected", String(other === one));
    if (one) {
      input.setAttribute("aria-activedescendant", one.id);
      one.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };
  const move = (step) => {
    const items = all();
    if (items.length) choose(items[(items.indexOf(current()) + step + items.length) % items.length]);
  };
  box.addEventListener("mousemove", (event) => {
    const over = event.target.closest("[role=option]:not([aria-disabled])");
    if (over && over !== current()) choose(over);
  });
  return { current, choose, move, first: () => choose(all()[0]) };
}

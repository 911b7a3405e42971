// Entry of the console's scripts. Each module looks for its own marks in the page and does nothing without them;
// every page works without any of this.
import { start as bulk } from "c/bulk";
import { enhance as comboboxes } from "c/combobox";
import { start as dialogs } from "c/dialog";
import { start as drafts } from "c/drafts";
import { start as keys } from "c/keys";
import { start as recent } from "c/recent";
import { start as toasts } from "c/toast";

for (const begin of [toasts, dialogs, bulk, keys, drafts, recent]) begin();
comboboxes(document);
document.addEventListener("htmx:load", (event) => comboboxes(event.detail.elt));

// On the rail of a narrow window only icons are seen: their names come when the mouse rests on them.
for (const entry of document.querySelectorAll(".c-side .c-nav")) entry.title = entry.textContent;

// Strips that scroll sideways on a phone begin at their current entry.
for (const current of document.querySelectorAll(":is(.c-setnav,.c-tabs) [aria-current]")) {
  const strip = current.parentElement;
  strip.scrollLeft = current.offsetLeft - strip.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;
}

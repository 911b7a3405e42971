// Confirmation dialogs: a link with data-dialog shows the form[data-confirm] of the page it leads to, in place.
// When that page has none, or can't be fetched, the link is simply followed. Also the menus' small manners.
import { $, $$, el, icon, on, t } from "c/dom";

export function start() {
  on("click", "a[data-dialog]", (event, link) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    follow(link.href);
  });
  on("click", "[data-close-editor]", (event, link) => {
    event.preventDefault();
    link.closest("form").remove();
  });
  on("click", ".c-menu a, .c-menu [data-keys-help]", (_event, item) => item.closest("[popover]")?.hidePopover());
  document.addEventListener("keydown", moveInMenu);
  on("dragover", "[data-drop]", (event) => event.preventDefault());
  on("drop", "[data-drop]", (event, form) => {
    event.preventDefault();
    $("input[type=file]", form).files = event.dataTransfer.files;
  });
}

async function follow(url) {
  try {
    const answer = await fetch(url, { credentials: "same-origin", headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = $("form[data-confirm]", page);
    if (!answer.ok || !form) throw new Error("no dialog");
    open(document.importNode(form, true), new URL(url, location).pathname);
  } catch {
    location.assign(url);
  }
}

function open(form, path) {
  if (!form.getAttribute("action")) form.setAttribute("action", path);
  const heading = $("h1", form);
  const title = el("h2", { id: "dlg-title", class: "mb-2" }, heading.textContent);
  heading.replaceWith(title);
  const box = dialog("dlg-title", form);
  $("[data-cancel]", form)?.addEventListener("click", (event) => {
    event.preventDefault();
    box.close();
  });
  $("[data-cancel]", form)?.focus();
}

/** A modal dialog around `content`, removed when closed; focus goes back to where it was. */
export function dialog(labelledby, ...content) {
  const box = el("dialog", { class: "c-dlg", "aria-labelledby": labelledby }, ...content);
  document.body.append(box);
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
  box.showModal();
  return box;
}

function moveInMenu(event) {
  const menu = $(".c-menu:popover-open");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const items = $$(".c-mi:is(a,button), :scope>button, :scope>label input", menu);
  const step = event.key === "ArrowDown" ? 1 : -1;
  const now = items.indexOf(document.activeElement);
  items[(now + step + items.length) % items.length]?.focus();
  event.preventDefault();
}

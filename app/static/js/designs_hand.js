// The block editor by hand: fields and marks go where one last wrote, blocks are dragged by their grip within their own list.
import { $, on, t } from "c/dom";

let last = null;

function insert(text) {
  const field = last && document.contains(last) ? last : $("#design textarea");
  if (!field) return;
  field.focus();
  const inside = text.indexOf('""') + 1;
  const start = field.selectionStart;
  field.setRangeText(text, start, field.selectionEnd, "end");
  if (inside > 0) field.setSelectionRange(start + inside, start + inside);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function mark(button) {
  const field = $("textarea", button.closest(".c-block"));
  const [from, to] = [field.selectionStart, field.selectionEnd];
  const chosen = field.value.slice(from, to) || t("text");
  const sign = button.dataset.mark;
  const made = sign === "link" ? `[${chosen}](https://)` : sign === "list" ? chosen.split("\n").map((line) => `- ${line}`).join("\n") : sign + chosen + sign;
  field.focus();
  field.setRangeText(made, from, to, "end");
  if (sign === "link") field.setSelectionRange(from + made.length - 1, from + made.length - 1);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// By mouse: the grip makes its block draggable, within its own list.
let dragged = null;
on("pointerdown", ".c-grip", (event, grip) => (grip.closest(".c-block").draggable = true));
on("dragstart", ".c-block", (event, block) => {
  if (!block.draggable || dragged) return;
  dragged = block;
  event.dataTransfer.effectAllowed = "move";
  block.classList.add("c-drag");
});
document.addEventListener("dragover", (event) => {
  const list = dragged?.parentElement;
  const over = event.target.closest?.(".c-block");
  if (!list || !over) return;
  const mate = [...list.children].find((one) => one.contains(over));
  if (!mate || mate === dragged) return;
  event.preventDefault();
  const box = mate.getBoundingClientRect();
  list.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? mate : mate.nextSibling);
});
document.addEventListener("drop", (event) => dragged && event.preventDefault());
document.addEventListener("dragend", () => {
  if (!dragged) return;
  dragged.classList.remove("c-drag");
  dragged.draggable = false;
  const at = dragged.dataset.block;
  dragged = null;
  document.dispatchEvent(new CustomEvent("moved", { detail: at }));
});
on("focusin", "#design textarea, #design input:not([type=hidden])", (event, field) => (last = field));
on("click", "[data-insert]", (event, button) => insert(button.dataset.insert));
on("click", "[data-mark]", (event, button) => mark(button));

// Fields that are shown only where another field has a certain value: data-when="type:is:buyer". The server drew them right
// for the values the form opened with; what they hold is sent either way.
import { $$ } from "c/dom";

export function start() {
  const form = document.getElementById("form");
  const fields = form ? $$("[data-when]", form) : [];
  if (!fields.length) return;
  form.addEventListener("change", () => {
    for (const one of fields) one.hidden = !holds(form, one.dataset.when);
  });
}

function holds(form, condition) {
  const [name, , wanted] = condition.split(":");
  const data = new FormData(form).getAll(name);
  const held = data.length ? data : ["0"];
  return wanted.split("|").some((value) => held.includes(value));
}

// Small manners of forms, on the pages that have them. Everything works without.
const form = document.getElementById("form");

// Fields that are shown only where another has a certain value: data-when="type:is:buyer". They are sent either way.
function showByCondition() {
  const data = new FormData(form);
  for (const one of form.querySelectorAll("[data-when]")) {
    const [name, , value] = one.dataset.when.split(":");
    one.hidden = !(data.has(name) ? data.getAll(name) : ["0"]).includes(value);
  }
}

// A field of the query builder, once chosen, brings what it can be asked for.
function bringChoices(event) {
  if (event.target.matches("select[name$='-field'], select[name$='-op']")) {
    form.requestSubmit(document.querySelector("[name=refresh]"));
  }
}

form.addEventListener("change", "builder" in form.dataset ? bringChoices : showByCondition);

// The filters of the list, which the service applies, and the search in the names that are on the page.

import { el } from "./elements.js";
import { stateName, t } from "./language.js";
import { address, FILTERS, given, withoutFilters } from "./page_address.js";
import { fieldOf, instantOf, zone } from "./times.js";

const TIMES = ["created_after", "created_before"];

// Drawn once: a refresh does not change the form and the text that a user types there. Not validated, since a time may
// have seconds.
export function filters() {
  return el(
    "form",
    { class: "filters", "aria-label": t("filter.label"), "data-key": "filters", "data-stays": true, novalidate: true, onsubmit: submit },
    field(t("filter.state"), select("states", { "": t("state.all"), active: t("state.active"), ...namesOf("Success", "Failed", "Cancel") })),
    field(t("filter.type"), select("job_type", { "": t("state.all"), Workflow: "Workflow", Job: "Job" })),
    field(t("filter.name"), el("input", { type: "search", name: "name", value: given("name"), placeholder: t("filter.name_hint"), autocomplete: "off", oninput: showMatches })),
    field(t("filter.from", { zone }), time("created_after")),
    field(t("filter.to", { zone }), time("created_before")),
    field(t("filter.order"), select("order", { "": t("filter.newest"), Asc: t("filter.oldest") })),
    field(t("filter.rows"), select("page_size", { "": "20", 50: "50", 100: "100" })),
    el("button", { type: "submit" }, t("filter.apply")),
    FILTERS.some(given) ? el("a", { href: withoutFilters() }, t("filter.clear")) : null,
    el("p", { id: "matches", role: "status" }),
  );
}

const namesOf = (...states) => Object.fromEntries(states.map((state) => [state, stateName(state)]));

const field = (text, input) => el("label", {}, el("span", {}, text), input);

const time = (name) => el("input", { type: "datetime-local", name, value: fieldOf(given(name)) });

function select(name, choices) {
  const options = Object.entries(choices).map(([key, text]) => el("option", { value: key, selected: key === given(name) }, text));
  return el("select", { name, onchange: (event) => event.target.form.requestSubmit() }, options);
}

function submit(event) {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(event.target));
  for (const name of TIMES) values[name] = instantOf(values[name]);
  location.assign(address({ ...values, next_token: "" }));
}

// Show only the rows that have the typed text in their name or id. The service is asked when the form is sent.
export function showMatches() {
  const typed = document.querySelector("form.filters [name=name]").value.trim();
  const isSearching = typed !== "" && typed !== given("name");
  const rows = [...document.querySelectorAll(".jobs tbody tr")];
  for (const row of rows) row.hidden = isSearching && !row.dataset.name.toLowerCase().includes(typed.toLowerCase());
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("matches").textContent = isSearching ? t("filter.matches", { shown, all: rows.length }) : "";
}

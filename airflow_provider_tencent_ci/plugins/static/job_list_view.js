// The list of a connection's jobs.

import { badge, bar, duration, el, moment, taskLink } from "./elements.js";
import { ask, jobPath } from "./page_api.js";

const STATES = ["Submitted", "Running", "Pause", "Success", "Failed", "Cancel"];
const CHOICES = { "": "All", active: "Active", Success: "Success", Failed: "Failed", Cancel: "Cancelled" };
const FILTERS = ["states", "job_type", "name", "created_after", "created_before", "order", "page_size"];

const counted = new Map(); // counts by job and state: a row keeps them when the list is drawn again

export async function showJobs(view) {
  const { connection, state } = view;
  const parameters = Object.fromEntries([...FILTERS, "next_token"].map((name) => [name, state.get(name) ?? ""]));
  parameters.states = parameters.states === "active" ? STATES.slice(0, 3) : parameters.states;
  for (const name of ["created_after", "created_before"]) if (parameters[name]) parameters[name] += "Z";
  const answer = await ask(jobPath(connection), parameters);
  view.placed(answer);
  // The form stays, with what somebody is about to write in it.
  const form = document.querySelector("form.filters") ?? filters(view);
  view.replace([form, answer.jobs.length ? table(view, answer.jobs) : nothing(view), pages(view, answer)]);
  const live = answer.jobs.filter((job) => job.is_live);
  view.say(`${answer.jobs.length} jobs, ${live.length} of them active.`);
  await countAll(view, live);
  return live.length > 0;
}

function address(view, changes) {
  const query = new URLSearchParams({ conn: view.connection });
  for (const name of FILTERS) if (view.state.get(name)) query.set(name, view.state.get(name));
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
  return `?${query}`;
}

function filters(view) {
  const value = (name) => view.state.get(name) ?? "";
  const select = (name, choices) =>
    el("select", { name, "data-key": name, onchange: (event) => event.target.form.requestSubmit() },
      Object.entries(choices).map(([key, text]) => el("option", { value: key, selected: key === value(name) }, text)));
  const field = (text, input) => el("label", {}, el("span", {}, text), input);
  const time = (name) => el("input", { type: "datetime-local", name, value: value(name), "data-key": name });
  return el(
    "form",
    { class: "filters", "aria-label": "Filters", onsubmit: submit },
    field("State", select("states", CHOICES)),
    field("Type", select("job_type", { "": "All", Workflow: "Workflow", Job: "Job" })),
    field("Name", el("input", { type: "search", name: "name", value: value("name"), "data-key": "name", placeholder: "the whole name" })),
    field("Created from (UTC)", time("created_after")),
    field("to (UTC)", time("created_before")),
    field("Order", select("order", { "": "Newest first", Asc: "Oldest first" })),
    field("Rows", select("page_size", { "": "20", 50: "50", 100: "100" })),
    el("button", { type: "submit", "data-key": "apply" }, "Apply"),
    FILTERS.some(value) ? el("a", { href: `?${new URLSearchParams({ conn: view.connection })}`, "data-key": "clear" }, "Clear") : null,
  );

  function submit(event) {
    event.preventDefault();
    location.assign(address(view, { ...Object.fromEntries(new FormData(event.target)), next_token: "" }));
  }
}

function table(view, jobs) {
  const heads = ["State", "Job", "Reads", "Task", "Created", "Duration", "Files"];
  return el(
    "div",
    { class: "scroll" },
    el(
      "table",
      { class: "jobs" },
      el("caption", { class: "for-readers" }, "Batch jobs"),
      el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, jobs.map((job) => row(view, job))),
    ),
  );
}

function row(view, job) {
  const href = `?${new URLSearchParams({ conn: view.connection, job: job.job_id })}`;
  return el(
    "tr",
    {},
    el("td", {}, badge(job.state)),
    el("td", {}, el("a", { href, class: "name", "data-key": job.job_id }, job.name || job.job_id), el("span", { class: "id" }, job.name ? job.job_id : "")),
    el("td", { title: job.input_kind }, job.input, el("span", { class: "id" }, job.modified)),
    el("td", {}, job.task ? [taskLink(job.task), el("span", { class: "id" }, job.task.run_id)] : el("span", { class: "quiet", title: "No task that you may see has this job's id in its XCom" }, "—")),
    el("td", { class: "time" }, moment(job.created_at)),
    el("td", { class: "time" }, duration(job.duration_seconds)),
    el("td", { id: `files-${job.job_id}` }, filesOf(view, job)),
  );
}

const countKey = (job) => `${job.job_id} ${job.state}`;

function filesOf(view, job) {
  const counts = job.counts ?? counted.get(countKey(job));
  if (counts) return bar(counts);
  if (job.is_live) return el("span", { class: "quiet" }, "…");
  return el("button", { type: "button", class: "small", "data-key": `count-${job.job_id}`, "aria-label": `Count the files of ${job.name || job.job_id}`, onclick: () => count(view, job) }, "Count");
}

// One after the other: so many rows must not mean so many requests at once.
async function countAll(view, jobs) {
  for (const job of jobs) await count(view, job);
}

async function count(view, job) {
  const cell = document.getElementById(`files-${job.job_id}`);
  const hadFocus = cell?.contains(document.activeElement);
  try {
    const { counts } = await ask(jobPath(view.connection, job.job_id, "progress"));
    counted.set(countKey(job), counts);
    cell?.replaceChildren(bar(counts));
  } catch (error) {
    cell?.replaceChildren(el("span", { class: "quiet", title: error.message }, "not known"));
  }
  if (hadFocus) {
    cell.tabIndex = -1;
    cell.focus();
  }
}

function nothing(view) {
  const isFiltered = FILTERS.some((name) => view.state.get(name)) || view.state.get("next_token");
  return el("div", { class: "empty" }, el("h2", {}, "No jobs"), el("p", {}, isFiltered ? "No batch job of this bucket fits these filters." : "This bucket has no batch jobs yet. The first TriggerInventoryJobOperator that runs makes one."));
}

function pages(view, answer) {
  const links = [];
  if (view.state.get("next_token")) links.push(el("a", { href: address(view, {}), "data-key": "first" }, "« First page"));
  if (answer.next_token) links.push(el("a", { href: address(view, { next_token: answer.next_token }), rel: "next", "data-key": "next" }, "Next page »"));
  return links.length ? el("nav", { "aria-label": "Pages", class: "pages" }, links) : "";
}

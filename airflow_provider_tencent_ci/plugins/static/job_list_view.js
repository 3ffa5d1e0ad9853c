// The list of a bucket's jobs.

import { badge, el, quiet, table, taskLink } from "./elements.js";
import { bar } from "./file_counts.js";
import { filters, showMatches } from "./job_filters.js";
import { duration, t } from "./language.js";
import { address, addressOfJob, given, isFiltered } from "./page_address.js";
import { redraw } from "./redraw.js";
import { modified, moment } from "./times.js";

const ACTIVE = ["Submitted", "Running", "Pause"];
const PARAMETERS = ["states", "job_type", "name", "created_after", "created_before", "order", "page_size", "next_token"];

const counted = new Map(); // counts by job and state: a row keeps them when the list is drawn again

export async function showJobs(view) {
  const parameters = Object.fromEntries(PARAMETERS.map((name) => [name, given(name)]));
  if (parameters.states === "active") parameters.states = ACTIVE;
  const answer = await view.jobs.list(parameters);
  view.placed(answer);
  view.draw([filters(), answer.jobs.length ? tableOf(view, answer.jobs) : nothing(view, answer), pages(answer)]);
  showMatches();
  const live = answer.jobs.filter((job) => job.is_live);
  view.say(t("list.summary", { all: answer.jobs.length, active: live.length }));
  await countAll(view, live);
  return live.length > 0;
}

function tableOf(view, jobs) {
  const heads = ["state", "job", "reads", "task", "created", "duration", "files"].map((name) => t(`list.${name}`));
  return table(t("list.title"), heads, jobs.map((job) => row(view, job)), { class: "jobs cards" });
}

function row(view, job) {
  const link = el("a", { href: addressOfJob(job.job_id), class: "name", "data-key": `link-${job.job_id}` }, job.name || job.job_id);
  return {
    properties: { "data-key": job.job_id, "data-name": `${job.name} ${job.job_id}` },
    cells: [
      badge(job.state),
      [link, el("span", { class: "id" }, job.name ? job.job_id : "")],
      [job.input, el("span", { class: "note" }, modified(job))],
      job.task ? [taskLink(job.task), el("span", { class: "id" }, job.task.run_id)] : quiet("—", { title: t("list.no_task") }),
      moment(job.created_at),
      duration(job.duration_seconds),
      filesOf(view, job),
    ],
    of: { 2: { title: job.input_kind ? t(`input.${job.input_kind}`) : null }, 4: { class: "time" }, 5: { class: "time" }, 6: { id: `files-${job.job_id}` } },
  };
}

// --- counts

const countKey = (job) => `${job.job_id} ${job.state}`;

function filesOf(view, job) {
  const counts = job.counts ?? counted.get(countKey(job));
  if (counts) return bar(counts);
  if (job.is_live) return quiet("…");
  const label = t("list.count_of", { name: job.name || job.job_id });
  return el("button", { type: "button", class: "small", "data-key": `count-${job.job_id}`, "aria-label": label, onclick: () => count(view, job) }, t("list.count"));
}

// One after the other: so many rows must not mean so many requests at once.
async function countAll(view, jobs) {
  for (const job of jobs) await count(view, job);
}

async function count(view, job) {
  let shown;
  try {
    const { counts } = await view.jobs.get(job.job_id, "progress");
    counted.set(countKey(job), counts);
    shown = bar(counts);
  } catch (error) {
    shown = quiet(t("list.not_known"), { title: error.message });
  }
  const cell = document.getElementById(`files-${job.job_id}`);
  if (!cell) return;
  const hadFocus = cell.contains(document.activeElement);
  redraw(cell, shown);
  if (hadFocus) {
    cell.tabIndex = -1;
    cell.focus();
  }
}

// --- an empty list, and the pages of a long one

function nothing(view, place) {
  if (isFiltered()) return empty(el("p", {}, t("list.nothing_fits")));
  const submit = [
    "TriggerInventoryJobOperator(",
    '    task_id="transcode",',
    `    tencent_ci_conn_id="${view.connection}",`,
    `    bucket="${place.bucket}",`,
    `    region="${place.region}",`,
    '    workflow_ids="w…",',
    '    prefix="media/",',
    ")",
  ];
  return empty(el("p", {}, t("list.nothing_yet", { bucket: place.bucket })), el("pre", { tabindex: 0 }, el("code", {}, submit.join("\n"))), el("p", {}, t("list.nothing_elsewhere")));
}

const empty = (...children) => el("div", { class: "empty", "data-key": "empty" }, el("h2", {}, t("list.nothing")), children);

function pages(answer) {
  const links = [];
  if (given("next_token")) links.push(el("a", { href: address({ next_token: "" }), "data-key": "first" }, "« ", t("list.first_page")));
  if (answer.next_token) links.push(el("a", { href: address({ next_token: answer.next_token }), rel: "next", "data-key": "next" }, t("list.next_page"), " »"));
  return links.length ? el("nav", { "aria-label": t("list.pages"), class: "pages", "data-key": "pages" }, links) : null;
}

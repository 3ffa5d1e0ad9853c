// The view of one job: its record, its files, and the button that cancels it.

import { askToCancel } from "./cancel_dialog.js";
import { badge, el, problem, quiet, taskLink } from "./elements.js";
import { showFailures } from "./failed_files.js";
import { bar, certainty } from "./file_counts.js";
import { plot } from "./files_plot.js";
import { duration, stateName, t } from "./language.js";
import { addressOfList, given } from "./page_address.js";
import { redraw } from "./redraw.js";
import { modified, moment } from "./times.js";

// After the end of a job, its last files may need this time to reach their own end.
const SETTLING_SECONDS = 120;

export async function showJob(view) {
  const jobId = given("job");
  const answer = await view.jobs.get(jobId);
  view.placed(answer);
  const { job, resubmit } = answer;
  view.draw([heading(view, job), facts(job), section(t("job.files"), "progress"), section(t("job.over_time"), "times"), section(t("job.failed_files"), "failed")]);
  view.say(t("job.status", { name: job.name, state: stateName(job.state) }));
  let left = 0;
  await fill("progress", async (place) => {
    const counts = job.counts ?? (await view.jobs.get(jobId, "progress")).counts;
    left = counts.left;
    redraw(place, [bar(counts), certainty(counts) && el("p", { class: "quiet" }, certainty(counts))]);
    await fill("failed", (failed) => showFailures(failed, (cursor) => view.jobs.get(jobId, "failed-files", { cursor }), counts, resubmit));
  });
  await fill("times", async (place) => redraw(place, plot(await view.jobs.get(jobId, "timeline"))));
  return job.is_live || (left > 0 && Date.now() - Date.parse(job.ended_at) < SETTLING_SECONDS * 1000);
}

// It fills itself; a refresh leaves what is in it until that is drawn again.
function section(title, id) {
  return el("section", { "data-key": id }, el("h3", {}, title), el("div", { id, "data-stays": true }, quiet("…")));
}

async function fill(id, draw) {
  const place = document.getElementById(id);
  try {
    await draw(place);
  } catch (error) {
    redraw(place, problem(error.error ?? { message: error.message }, () => fill(id, draw)));
  }
}

function heading(view, job) {
  const cancel = job.may_cancel ? el("button", { type: "button", class: "danger", "data-key": "cancel", onclick: () => askToCancel(view, job) }, t("job.cancel")) : null;
  const back = el("a", { href: addressOfList(), "data-key": "back" }, "« ", t("job.back"));
  return el("div", { class: "heading", "data-key": "heading" }, back, el("h2", { "data-key": "name" }, job.name || job.job_id), badge(job.state), cancel);
}

function facts(job) {
  const known = {
    id: el("code", {}, job.job_id),
    task: job.task ? [taskLink(job.task), ` ${t("job.run", { run: job.task.run_id })}`] : t("job.no_task"),
    runs: job.runs && (job.type === "Job" ? t("job.runs_job", { tag: job.runs }) : t("job.runs_workflow", { id: job.runs })),
    reads: job.input && `${t(`input.${job.input_kind}`)} ${job.input}`,
    modified: modified(job),
    created: moment(job.created_at),
    started: moment(job.started_at),
    ended: moment(job.ended_at),
    duration: duration(job.duration_seconds),
    reason: [job.code, job.message].filter(Boolean).join(": "),
  };
  const pairs = Object.entries(known).filter(([, value]) => value !== "");
  return el("dl", { class: "facts", "data-key": "facts" }, pairs.map(([name, value]) => el("div", { "data-key": name }, el("dt", {}, t(`job.${name}`)), el("dd", {}, value))));
}

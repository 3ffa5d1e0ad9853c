// The view of one job: its record, its files, and the button that cancels it.

import { badge, bar, certainty, duration, el, moment, number, problem, taskLink } from "./elements.js";
import { plot } from "./files_plot.js";
import { ask, jobPath, tell } from "./page_api.js";

// After the end of a job, its last files may need this time to reach their own end.
const SETTLING_SECONDS = 120;

const failures = { files: [], cursor: "", isRead: false, forCount: -1 };

export async function showJob(view) {
  const path = (part = "") => jobPath(view.connection, view.state.get("job"), part);
  const answer = await ask(path());
  view.placed(answer);
  const { job } = answer;
  const [progress, times, failed] = ["progress", "times", "failed"].map((name) => existing(name));
  view.replace([heading(view, job, path), facts(job), section("Files", progress), section("Done over time", times), section("Failed files", failed)]);
  view.say(`Batch job ${job.name} is ${job.state}.`);
  let left = 0;
  await fill(progress, async () => {
    const { counts } = await ask(path("progress"));
    const exact = job.counts ?? counts;
    left = exact.left;
    progress.replaceChildren(bar(exact), ...(exact.is_complete ? [] : [el("p", { class: "quiet" }, certainty(exact))]));
    await fill(failed, () => showFailures(failed, path, exact));
  });
  await fill(times, async () => times.replaceChildren(...plot(await ask(path("timeline")))));
  return job.is_live || (left > 0 && Date.now() - Date.parse(job.ended_at) < SETTLING_SECONDS * 1000);
}

// What is drawn already stays until it is drawn anew.
function existing(name) {
  return document.getElementById(name) ?? el("div", { id: name }, el("p", { class: "quiet" }, "…"));
}

function section(title, content) {
  return el("section", {}, el("h3", {}, title), content);
}

async function fill(place, draw) {
  try {
    await draw();
  } catch (error) {
    place.replaceChildren(problem(error.error ?? { message: error.message }, () => fill(place, draw)));
  }
}

function heading(view, job, path) {
  const list = `?${new URLSearchParams({ conn: view.connection })}`;
  const cancel = job.may_cancel ? el("button", { type: "button", class: "danger", "data-key": "cancel", onclick: () => askToCancel(view, job, path) }, "Cancel job …") : null;
  return el("div", { class: "heading" }, el("a", { href: list, "data-key": "back" }, "« All jobs"), el("h2", {}, job.name || job.job_id), badge(job.state), cancel);
}

function facts(job) {
  const reason = [job.code, job.message].filter(Boolean).join(": ");
  const known = [
    ["JobId", el("code", {}, job.job_id)],
    ["Task", job.task ? [taskLink(job.task), ` in run ${job.task.run_id}`] : "— (no task that you may see has this id in its XCom)"],
    ["Runs", job.runs ? `${job.type === "Job" ? "Job" : "workflow"} ${job.runs}` : ""],
    ["Reads", job.input ? `${job.input_kind} ${job.input}` : ""],
    ["Modified", job.modified],
    ["Created", moment(job.created_at)],
    ["Started", moment(job.started_at)],
    ["Ended", moment(job.ended_at)],
    ["Duration", duration(job.duration_seconds)],
    ["Reason", reason],
  ];
  return el("dl", { class: "facts" }, known.filter(([, value]) => value !== "").map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

// --- failed files

async function showFailures(place, path, counts) {
  if (failures.forCount !== counts.failed) Object.assign(failures, { files: [], cursor: "", isRead: false, forCount: counts.failed });
  // Of a large batch only a part of the files was looked at; the others may have failed all the same.
  if ((counts.failed || !counts.is_complete) && !failures.isRead) await readFailures(path);
  if (!failures.files.length && !failures.cursor) {
    place.replaceChildren(el("p", { class: "quiet" }, "None."));
    return;
  }
  drawFailures(place, path);
}

async function readFailures(path) {
  const answer = await ask(path("failed-files"), { cursor: failures.cursor });
  failures.files.push(...answer.files);
  Object.assign(failures, { cursor: answer.next_cursor, isRead: true });
}

function drawFailures(place, path) {
  const heads = ["File", "Node", "Code", "Message"];
  const rows = failures.files.map((file) => el("tr", {}, [file.key, file.node, file.code, file.message].map((text, index) => el("td", { class: index ? "" : "key" }, text || "–"))));
  const more = failures.cursor ? el("button", { type: "button", "data-key": "more", onclick: readMore }, "More") : null;
  place.replaceChildren(
    el("div", { class: "scroll" }, el("table", {}, el("caption", { class: "for-readers" }, "Failed files"), el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, rows))),
    el("p", { class: "actions" }, more, el("button", { type: "button", "data-key": "copy", onclick: copy }, "Copy as JSON Lines"), el("span", { class: "quiet" }, `${number(failures.files.length)} shown`)),
  );

  async function readMore(event) {
    event.target.disabled = true;
    await fill(place, async () => (await readFailures(path), drawFailures(place, path)));
    place.querySelector("[data-key=more], [data-key=copy]")?.focus();
  }
}

async function copy(event) {
  const button = event.target;
  const lines = failures.files.map((file) => JSON.stringify(file)).join("\n");
  try {
    await navigator.clipboard.writeText(`${lines}\n`);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser does not allow it";
  }
}

// --- cancelling

function askToCancel(view, job, path) {
  const dialog = document.getElementById("confirm");
  const files = document.querySelector("#progress .bar-text")?.textContent;
  const stop = el("button", { type: "button", class: "danger", onclick: () => cancel(view, dialog, stop, path) }, "Cancel the job");
  dialog.replaceChildren(
    el("h2", { id: "confirm-title" }, "Cancel this batch job?"),
    el("p", {}, el("strong", {}, job.name || job.job_id), el("span", { class: "id" }, job.job_id)),
    files ? el("p", {}, `Files: ${files}. What is not done yet will not be done.`) : null,
    el("p", {}, "It cannot be taken back. A task that waits for this job fails; if it has retries left, the next one submits a new job."),
    el("p", { class: "actions" }, el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Keep it running"), stop),
  );
  dialog.showModal();
}

async function cancel(view, dialog, stop, path) {
  stop.disabled = true;
  stop.textContent = "Cancelling …";
  try {
    const { message } = await tell(path("cancel"));
    dialog.close();
    await view.again();
    view.say(message);
  } catch (error) {
    dialog.replaceChildren(el("h2", { id: "confirm-title" }, "Not cancelled"), problem(error.error ?? { message: error.message }), el("p", { class: "actions" }, el("button", { type: "button", onclick: () => dialog.close() }, "Close")));
  }
}


// The failed files of a job, some at a time.

import { el, problem, quiet, table } from "./elements.js";
import { number, t } from "./language.js";
import { addressOfJob } from "./page_address.js";
import { redraw } from "./redraw.js";

const failures = { files: [], cursor: "", isRead: false, forCount: -1, resubmittedAs: "" };

// read: asks for the files at a cursor. resubmit: the command that submits the failed files again, or an empty text.
export async function showFailures(place, read, counts, resubmit) {
  if (failures.forCount !== counts.failed) Object.assign(failures, { files: [], cursor: "", isRead: false, forCount: counts.failed, resubmittedAs: "" });
  // Of a large batch only a part of the files was looked at; the others may have failed all the same.
  if ((counts.failed || !counts.is_complete) && !failures.isRead) await readOn(read);
  if (failures.files.length || failures.cursor) draw(place, read, resubmit);
  else redraw(place, el("p", { class: "quiet" }, t("failed.none")));
}

async function readOn(read) {
  const answer = await read(failures.cursor);
  failures.files.push(...answer.files);
  Object.assign(failures, { cursor: answer.next_cursor, isRead: true, resubmittedAs: failures.resubmittedAs || answer.resubmitted_as });
}

function draw(place, read, resubmit) {
  const heads = ["file", "node", "code", "message"].map((name) => t(`failed.${name}`));
  const rows = failures.files.map((file) => ({ cells: [file.key, file.node, file.code, file.message].map((text) => text || "–"), of: { 0: { class: "key" } } }));
  const more = failures.cursor ? el("button", { type: "button", "data-key": "more", onclick: readMore }, t("failed.more")) : null;
  redraw(place, [
    failures.resubmittedAs ? resubmitted(failures.resubmittedAs) : resubmit && el("p", { "data-key": "again" }, t("failed.again"), " ", el("code", {}, resubmit)),
    table(t("job.failed_files"), heads, rows, { class: "cards" }),
    el("p", { class: "actions" }, more, el("button", { type: "button", "data-key": "copy", onclick: copy }, t("failed.copy")), quiet(t("failed.shown", { count: number(failures.files.length) }))),
  ]);

  async function readMore(event) {
    event.target.disabled = true;
    try {
      await readOn(read);
      draw(place, read, resubmit);
    } catch (error) {
      redraw(place, problem(error.error ?? { message: error.message }, () => draw(place, read, resubmit)));
    }
    place.querySelector("[data-key=more], [data-key=copy], button")?.focus();
  }
}

const resubmitted = (jobId) => el("p", { "data-key": "resubmitted" }, t("failed.resubmitted"), " ", el("a", { href: addressOfJob(jobId) }, el("code", {}, jobId)));

async function copy(event) {
  const button = event.target;
  const lines = failures.files.map((file) => JSON.stringify(file)).join("\n");
  try {
    await navigator.clipboard.writeText(`${lines}\n`);
    button.textContent = t("failed.copied");
  } catch {
    button.textContent = t("failed.not_copied");
  }
}

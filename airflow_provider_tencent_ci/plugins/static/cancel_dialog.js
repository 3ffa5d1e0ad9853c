// The dialog that asks before a job is cancelled, and says how that went.

import { el, problem } from "./elements.js";
import { stateName, t } from "./language.js";

export function askToCancel(view, job) {
  const dialog = document.getElementById("confirm");
  const files = document.querySelector("#progress .bar-text")?.textContent;
  const stop = el("button", { type: "button", class: "danger", onclick: () => cancel(view, dialog, stop, job.job_id) }, t("cancel.do"));
  dialog.replaceChildren(
    el("h2", { id: "confirm-title" }, t("cancel.title")),
    el("p", {}, el("strong", {}, job.name || job.job_id), el("span", { class: "id" }, job.job_id)),
    ...(files ? [el("p", {}, t("cancel.files", { files }))] : []),
    el("p", {}, t("cancel.meaning")),
    el("p", { class: "actions" }, closing(dialog, t("cancel.keep"), { autofocus: true }), stop),
  );
  dialog.showModal();
}

async function cancel(view, dialog, stop, jobId) {
  stop.disabled = true;
  stop.textContent = t("cancel.doing");
  try {
    const { job } = await view.jobs.cancel(jobId);
    dialog.close();
    await view.again();
    view.say(outcome(job));
  } catch (error) {
    const why = problem(error.error ?? { message: error.message });
    dialog.replaceChildren(el("h2", { id: "confirm-title" }, t("cancel.not_done")), why, el("p", { class: "actions" }, closing(dialog, t("cancel.close"))));
  }
}

const closing = (dialog, text, properties = {}) => el("button", { type: "button", onclick: () => dialog.close(), ...properties }, text);

function outcome(job) {
  if (job.state === "Cancel") return t("cancel.done");
  return job.is_live ? t("cancel.asked") : t("cancel.ended", { state: stateName(job.state) });
}

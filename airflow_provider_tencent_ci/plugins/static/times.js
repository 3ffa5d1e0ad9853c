// Times in the reader's zone: the one that was chosen in Airflow's UI, or the browser's, as there.

import { el } from "./elements.js";
import { t } from "./language.js";

export const zone = (() => {
  try {
    const timeZone = JSON.parse(localStorage.getItem("timezone")) ?? undefined;
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
})();

// Airflow's UI writes times like this in all languages, and so does Swedish.
const inZone = (options) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, ...options });
const DATE_AND_TIME = inZone({ dateStyle: "short", timeStyle: "medium" });
const TIME = inZone({ timeStyle: "medium" });

export const clock = (time) => TIME.format(new Date(time));

export const written = (time) => (Number.isNaN(Date.parse(time)) ? time : DATE_AND_TIME.format(new Date(time)));

export function moment(time) {
  return time ? el("time", { datetime: time, title: `${written(time)} ${zone}` }, written(time)) : "–";
}

// The times between which a job's files were modified; empty if it reads files of all times.
export function modified({ modified_from: from, modified_to: to }) {
  if (!(from || to)) return "";
  const key = from && to ? "input.modified" : from ? "input.modified_from" : "input.modified_to";
  return t(key, { from: written(from), to: written(to) });
}

// --- the field of a form has the time in the zone; the address of the page has it in UTC, so that all readers of a link mean one moment

export const fieldOf = (time) => (Number.isNaN(Date.parse(time)) ? "" : written(time).replace(" ", "T").replace(/:00$/, ""));

export function instantOf(field) {
  if (!field) return "";
  const wanted = Date.parse(`${field}Z`);
  let time = wanted;
  // Twice, since the first guess may be on the other side of a change of the clocks.
  for (let step = 0; step < 2; step += 1) time += wanted - Date.parse(`${DATE_AND_TIME.format(time).replace(" ", "T")}Z`);
  return new Date(time).toISOString().replace(".000", "");
}

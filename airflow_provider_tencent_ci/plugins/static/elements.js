// Elements, texts and pictures. Data gets into the page as text only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// --- texts

const STATES = { Pause: "Paused", Cancel: "Cancelled" };

export const number = (value) => value.toLocaleString("en");

// An estimate has no more than two digits that mean something.
export const about = (value) => number(Number(value.toPrecision(2)));

export function stateName(state) {
  return STATES[state] ?? state;
}

export function duration(seconds) {
  if (seconds === null) return "–";
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

// The time zone that was chosen in Airflow, whose UI keeps it here.
const zone = (() => {
  try {
    const timeZone = JSON.parse(localStorage.getItem("timezone") ?? '"UTC"');
    new Intl.DateTimeFormat("en", { timeZone });
    return timeZone;
  } catch {
    return "UTC";
  }
})();

const inZone = (options) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone, ...options });
const DATE_AND_TIME = inZone({ dateStyle: "short", timeStyle: "medium" });
const TIME = inZone({ timeStyle: "medium" });

export const clock = (time) => TIME.format(new Date(time));

export function moment(time) {
  if (!time) return "–";
  return el("time", { datetime: time, title: `${DATE_AND_TIME.format(new Date(time))} ${zone}` }, DATE_AND_TIME.format(new Date(time)));
}

// --- small pictures

export function badge(state) {
  return el("span", { class: `badge ${state.toLowerCase()}` }, stateName(state));
}

const ESTIMATE = "An estimate from samples of the whole batch";

export function filesText(counts) {
  const write = counts.estimated ? (value) => `~${about(value)}` : number;
  const parts = [`${write(counts.succeeded)} done`];
  if (counts.failed) parts.push(`${write(counts.failed)} failed`);
  if (counts.cancelled) parts.push(`${write(counts.cancelled)} cancelled`);
  if (counts.left) parts.push(`${write(counts.left)} left`);
  return counts.is_complete || counts.estimated ? parts.join(", ") : `at least ${parts.join(", ")}`;
}

// How sure the counts are, in words; empty if they are exact.
export function certainty(counts) {
  if (counts.is_complete) return "";
  if (!counts.estimated) return "Only a part of the files was looked at, since there are many: the task's log has the counts of all.";
  const failed = (100 * counts.failed) / counts.total;
  const share = counts.failed ? `, about ${failed < 0.1 ? "0.1 % or less" : `${Number(failed.toPrecision(2))} %`} failed` : "";
  return `About ${about(counts.total)} files${share}. ${ESTIMATE}: the task's log has the exact counts.`;
}

export function bar(counts) {
  if (!counts.total) return el("span", { class: "quiet" }, "no files");
  const parts = [["done", counts.succeeded], ["failed", counts.failed], ["cancelled", counts.cancelled], ["left", counts.left]];
  let at = 0;
  const drawn = parts.filter(([, count]) => count).map(([kind, count]) => {
    const width = (100 * count) / counts.total;
    const part = svg("rect", { class: kind, x: at, y: 0, width, height: 8 });
    at += width;
    return part;
  });
  const title = counts.estimated ? `${ESTIMATE}: about ${about(counts.total)} files` : null;
  const shown = svg("svg", { class: counts.is_complete ? "bar" : "bar partial", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn);
  return el("div", { class: "files" }, shown, el("span", { class: "bar-text", title }, filesText(counts)));
}

export function problem(error, again) {
  const facts = [error.code && `Code ${error.code}`, error.request_id && `Request id ${error.request_id}`].filter(Boolean);
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("p", { class: "problem-title" }, error.message),
    error.advice ? el("p", {}, error.advice) : null,
    facts.length ? el("p", { class: "quiet" }, facts.join(" · ")) : null,
    again ? el("button", { type: "button", onclick: again }, "Try again") : null,
  );
}

// A link out of this page. Airflow shows the page in a frame that may not move its window, but does share its origin.
export function outLink(href, text, { newTab = false, ...properties } = {}) {
  return el("a", { href, ...(newTab ? { target: "_blank", rel: "noopener noreferrer" } : {}), onclick: leave, ...properties }, text);
}

function leave(event) {
  if (window.parent === window) return;
  event.preventDefault();
  const link = window.parent.document.createElement("a");
  link.href = event.currentTarget.href;
  if (event.currentTarget.target || event.ctrlKey || event.metaKey || event.shiftKey) Object.assign(link, { target: "_blank", rel: "noopener noreferrer" });
  link.click();
}

export function taskLink(task) {
  const text = task.map_index < 0 ? task.task_id : `${task.task_id} [${task.label || task.map_index}]`;
  return outLink(`../${task.path}`, `${task.dag_id} › ${text}`, { title: `Run ${task.run_id}; state ${task.state || "none"}` });
}

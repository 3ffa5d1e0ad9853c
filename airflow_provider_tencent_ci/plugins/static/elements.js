// Elements, and those that several views have. Data gets into the page as text only, never as markup.

import { stateName, t } from "./language.js";

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

function filled(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) node[name] = value; // not addEventListener: redraw.js passes it on to the node that stays
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export const quiet = (text, properties = {}) => el("span", { class: "quiet", ...properties }, text);

export function badge(state) {
  return el("span", { class: `badge ${state.toLowerCase()}` }, stateName(state));
}

// A table that becomes a list of cards on a narrow screen. The roles stay when styles make its rows and cells blocks.
export function table(name, heads, rows, properties = {}) {
  const cells = (row) => row.cells.map((cell, index) => el("td", { role: "cell", "data-label": heads[index], ...row.of?.[index] }, cell));
  return el(
    "div",
    { class: "scroll", role: "region", "aria-label": name, tabindex: 0 },
    el(
      "table",
      { role: "table", "aria-label": name, ...properties },
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads.map((text) => el("th", { scope: "col", role: "columnheader" }, text)))),
      el("tbody", { role: "rowgroup" }, rows.map((row) => el("tr", { role: "row", ...row.properties }, cells(row)))),
    ),
  );
}

export function problem(error, again) {
  const facts = [error.code && t("page.code", { code: error.code }), error.request_id && t("page.request_id", { id: error.request_id })].filter(Boolean);
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("p", { class: "problem-title", lang: error.lang ?? "en" }, error.message),
    error.advice ? el("p", { lang: error.lang ?? "en" }, error.advice) : null,
    facts.length ? el("p", { class: "quiet" }, facts.join(" · ")) : null,
    again ? el("button", { type: "button", onclick: again }, t("page.again")) : null,
  );
}

// --- links out of this page

// Airflow shows the page in a frame that may not move its window, but does share its origin.
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
  const title = task.state ? t("job.task_state", { run: task.run_id, state: task.state }) : t("job.task_stateless", { run: task.run_id });
  return outLink(`../${task.path}`, `${task.dag_id} › ${text}`, { title });
}

// The page: chooses the view by the address, draws the head, and refreshes while a job is active.

import { el, outLink, problem } from "./elements.js";
import { showJob } from "./job_view.js";
import { showJobs } from "./job_list_view.js";
import { ask } from "./page_api.js";

const REFRESH_SECONDS = 15;

const main = document.getElementById("main");
const state = new URLSearchParams(location.search);

export function say(text) {
  document.getElementById("status").textContent = text;
}

// Airflow's colour mode, which its UI keeps here; a change there reaches this page as an event.
function takeColours() {
  const mode = localStorage.getItem("theme");
  if (mode === "light" || mode === "dark") document.documentElement.dataset.theme = mode;
  else delete document.documentElement.dataset.theme;
}

// Put in what was drawn, and leave the focus where it was.
function replace(node) {
  const key = document.activeElement?.dataset?.key;
  const opened = new Set([...main.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  main.replaceChildren(...(Array.isArray(node) ? node : [node]));
  for (const one of main.querySelectorAll("details")) one.open = one.open || opened.has(one.dataset.key);
  if (key) main.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

function drawHead(connections, connection, place) {
  const choice = el(
    "select",
    { id: "connection", onchange: (event) => location.assign(`?${new URLSearchParams({ conn: event.target.value })}`) },
    connections.map((one) => el("option", { value: one, selected: one === connection }, one)),
  );
  const parts = [el("h1", {}, el("a", { href: connection ? `?${new URLSearchParams({ conn: connection })}` : "?" }, "Tencent CI jobs"))];
  if (connections.length) parts.push(el("label", { for: "connection" }, "Connection"), choice);
  if (place) parts.push(el("span", { class: "quiet" }, `${place.bucket} · ${place.region}`), outLink(place.console_url, "CI console ↗", { newTab: true }));
  if (window.parent === window) parts.push(outLink("../", "Airflow"));
  document.getElementById("head").replaceChildren(...parts);
}

function noConnection() {
  return el(
    "div",
    { class: "empty" },
    el("h2", {}, "No connection to show"),
    el("p", {}, "There is no connection of type tencent_ci that you may read. Add one in Admin, Connections, or ask an administrator of Airflow for the right to read it."),
  );
}

async function start() {
  takeColours();
  addEventListener("storage", takeColours);
  let connections;
  try {
    ({ connections } = await ask("api/connections"));
  } catch (error) {
    drawHead([], "", null);
    replace(failed(error));
    return;
  }
  const wanted = state.get("conn");
  const connection = wanted ?? connections[0];
  if (!connection) {
    drawHead([], "", null);
    replace(noConnection());
    return;
  }
  if (!connections.includes(connection)) connections = [connection, ...connections];
  drawHead(connections, connection, null);
  const view = { connection, state, replace, say, placed: (place) => drawHead(connections, connection, place), again };
  const show = state.get("job") ? showJob : showJobs;
  let timer;
  async function again() {
    clearTimeout(timer);
    let isLive = false;
    try {
      isLive = await show(view);
    } catch (error) {
      replace(failed(error));
    }
    if (isLive) timer = setTimeout(() => (document.hidden ? addEventListener("visibilitychange", again, { once: true }) : again()), REFRESH_SECONDS * 1000);
  }
  await again();

  function failed(error) {
    return problem(error.error ?? { message: `The page failed: ${error.message}` }, again);
  }
}

function failed(error) {
  if (error.status === 401) return el("div", { class: "problem", role: "alert" }, el("p", { class: "problem-title" }, error.message), outLink("../", "Log in"));
  return problem(error.error ?? { message: `The page failed: ${error.message}` }, () => location.reload());
}

start();

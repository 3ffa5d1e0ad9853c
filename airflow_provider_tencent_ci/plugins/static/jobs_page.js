// The page: chooses the view by the address, and refreshes it while a job is active.

import { el, outLink, problem } from "./elements.js";
import { showJob } from "./job_view.js";
import { showJobs } from "./job_list_view.js";
import { language, t } from "./language.js";
import { given } from "./page_address.js";
import { askForConnections, JobsOf } from "./page_api.js";
import { drawHead } from "./page_head.js";
import { redraw } from "./redraw.js";

const REFRESH_SECONDS = 15;

const draw = (children) => redraw(document.getElementById("main"), children);

const complain = (...problems) => redraw(document.getElementById("trouble"), problems);

function say(text) {
  const status = document.getElementById("status");
  if (status.textContent !== text) status.textContent = text;
}

// Airflow's colour mode, which its UI keeps here.
function takeColours() {
  const mode = localStorage.getItem("theme");
  if (mode === "light" || mode === "dark") document.documentElement.dataset.theme = mode;
  else delete document.documentElement.dataset.theme;
}

// A change in Airflow's UI reaches this page as an event.
function follow({ key }) {
  if (key === "theme") takeColours();
  else if (key === "i18nextLng" || key === "timezone") location.reload();
}

async function start() {
  takeColours();
  addEventListener("storage", follow);
  document.documentElement.lang = language;
  document.title = t("page.title");
  try {
    const { connections } = await askForConnections();
    const connection = given("conn") || connections[0];
    if (connection) await show(connection, [...new Set([...connections, connection])]);
    else nothingToShow();
  } catch (error) {
    drawHead([]);
    draw([]);
    complain(failed(error, () => location.reload()));
  }
}

async function show(connection, connections) {
  const view = { connection, jobs: new JobsOf(connection), draw, say, again, placed: (place) => drawHead(connections, view, place) };
  const showView = given("job") ? showJob : showJobs;
  let isLive = false;
  let timer;
  drawHead(connections, view);
  await again();

  async function again() {
    clearTimeout(timer);
    try {
      isLive = await showView(view);
      complain();
    } catch (error) {
      // The view that was drawn before stays, and is refreshed again.
      isLive &&= error.status !== 401;
      if (!isLive) draw([]);
      complain(failed(error, again));
    }
    if (isLive) timer = setTimeout(() => (document.hidden ? addEventListener("visibilitychange", again, { once: true }) : again()), REFRESH_SECONDS * 1000);
  }
}

function nothingToShow() {
  drawHead([]);
  draw(el("div", { class: "empty" }, el("h2", {}, t("head.no_connection")), el("p", {}, t("head.no_connection_why"))));
}

function failed(error, again) {
  if (error.status === 401) return el("div", { class: "problem", role: "alert" }, el("p", { class: "problem-title" }, error.message), outLink("../", t("page.log_in")));
  return problem(error.error ?? { message: t("page.failed", { error: error.message }), lang: language }, again);
}

start();

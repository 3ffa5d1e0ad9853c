// Requests to the API of the page. Paths are relative to the page, below any prefix of Airflow.

import { t } from "./language.js";
import { given } from "./page_address.js";

export class Refusal extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

export const askForConnections = () => answer(get("api/connections"));

// The jobs of one connection, in its bucket or in the one that the address names.
export class JobsOf {
  constructor(connection) {
    this.path = ["api", "connections", encodeURIComponent(connection)];
  }

  buckets() {
    return answer(get([...this.path, "buckets"].join("/"), withBucket({})));
  }

  list(parameters) {
    return answer(get([...this.path, "jobs"].join("/"), withBucket(parameters)));
  }

  // A job, or a part of its page: progress, timeline, failed-files.
  get(jobId, part = "", parameters = {}) {
    return answer(get(this.pathOf(jobId, part), withBucket(parameters)));
  }

  cancel(jobId) {
    const headers = { Accept: "application/json", "Content-Type": "application/json", "X-Tencent-CI-Page": "1" };
    return answer(fetch(withQuery(this.pathOf(jobId, "cancel"), withBucket({})), { method: "POST", headers, body: "{}" }));
  }

  pathOf(jobId, part) {
    return [...this.path, "jobs", encodeURIComponent(jobId), part].filter(Boolean).join("/");
  }
}

const withBucket = (parameters) => ({ bucket: given("bucket"), region: given("region"), ...parameters });

const get = (path, parameters = {}) => fetch(withQuery(path, parameters), { headers: { Accept: "application/json" } });

function withQuery(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  return `${path}${query.size ? `?${query}` : ""}`;
}

async function answer(request) {
  let response, body;
  try {
    response = await request;
    body = await response.json();
  } catch {
    throw refusal(0, t("page.no_server"));
  }
  if (response.ok) return body;
  if (response.status === 401) throw refusal(401, t("page.logged_out"), t("page.log_in_again"));
  if (!body.error) throw refusal(response.status, t("page.status", { status: response.status }));
  throw new Refusal(response.status, body.error);
}

// The page's own words; errors of the service and of the connection are in English.
const refusal = (status, message, advice) => new Refusal(status, { message, advice, lang: document.documentElement.lang });

// Requests to the API of the page. Paths are relative to the page, below any prefix of Airflow.

export class Refusal extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

export async function ask(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(name, one);
  }
  return answer(fetch(`${path}${query.size ? `?${query}` : ""}`, { headers: { Accept: "application/json" } }));
}

export async function tell(path) {
  const headers = { Accept: "application/json", "Content-Type": "application/json", "X-Tencent-CI-Page": "1" };
  return answer(fetch(path, { method: "POST", headers, body: "{}" }));
}

async function answer(request) {
  let response, body;
  try {
    response = await request;
    body = await response.json();
  } catch {
    throw new Refusal(0, { message: "Airflow's server cannot be reached, or did not answer as it should." });
  }
  if (response.ok) return body;
  if (response.status === 401) throw new Refusal(401, { message: "You are not logged in any more.", advice: "Log in to Airflow again." });
  throw new Refusal(response.status, body.error ?? { message: `Airflow's server answered with status ${response.status}.` });
}

export const jobPath = (connection, jobId = "", part = "") =>
  ["api/connections", connection, "jobs", jobId, part].filter(Boolean).map((one, index) => (index ? encodeURIComponent(one) : one)).join("/");

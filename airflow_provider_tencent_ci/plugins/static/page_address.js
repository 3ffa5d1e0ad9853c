// The address of the page: connection, bucket, filters, the page of the list and the job. Each link keeps what it does not change.

export const FILTERS = ["states", "job_type", "name", "created_after", "created_before", "order", "page_size"];

const state = new URLSearchParams(location.search);

export const given = (name) => state.get(name) ?? "";

export const isFiltered = () => ["next_token", ...FILTERS].some(given);

// An address like this one, with other values; an empty one is left out.
export function address(changes = {}) {
  const query = new URLSearchParams(state);
  for (const [name, value] of Object.entries(changes)) value ? query.set(name, value) : query.delete(name);
  return query.size ? `?${query}` : "?";
}

export const addressOfList = () => address({ job: "" });

export const addressOfJob = (jobId) => address({ job: jobId });

export const addressOfBucket = (bucket, region) => address({ bucket, region, job: "", next_token: "" });

export const addressOfConnection = (connection) => address({ conn: connection, bucket: "", region: "", job: "", next_token: "" });

export const withoutFilters = () => address(Object.fromEntries(["job", "next_token", ...FILTERS].map((name) => [name, ""])));

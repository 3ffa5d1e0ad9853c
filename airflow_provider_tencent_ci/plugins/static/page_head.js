// The head of the page: the connection, its bucket, and ways to others.

import { el, outLink, quiet } from "./elements.js";
import { t } from "./language.js";
import { addressOfBucket, addressOfConnection, given, withoutFilters } from "./page_address.js";
import { redraw } from "./redraw.js";

// place: bucket, region and the console's address; empty if they are not known, such as after an error.
export function drawHead(connections, view, place = {}) {
  redraw(document.getElementById("head"), [
    el("h1", { "data-key": "title" }, el("a", { href: view ? withoutFilters() : "?" }, t("page.title"))),
    view && choice(connections, view.connection),
    view && places(view, place),
    place.console_url && outLink(place.console_url, `${t("head.console")} ↗`, { newTab: true, "data-key": "console" }),
    window.parent === window && outLink("../", t("head.airflow"), { "data-key": "airflow" }),
  ]);
}

function choice(connections, connection) {
  const options = connections.map((one) => el("option", { value: one, selected: one === connection }, one));
  const select = el("select", { onchange: (event) => location.assign(addressOfConnection(event.target.value)) }, options);
  return el("label", { "data-key": "connection" }, t("head.connection"), " ", select);
}

// The bucket that is shown; opened, a way to another one of the same account.
function places(view, { bucket = given("bucket"), region = given("region") }) {
  const text = bucket ? [bucket, region].filter(Boolean).join(" · ") : t("head.bucket");
  const input = (name, value) => el("label", {}, el("span", {}, t(`head.${name}`)), el("input", { name, value, autocomplete: "off", spellcheck: "false", required: name === "bucket" }));
  const form = el("form", { "aria-label": t("head.other_bucket"), "data-stays": Boolean(bucket), onsubmit: submit }, input("bucket", bucket), input("region", region), el("button", { type: "submit" }, t("head.show")));
  const known = el("div", { id: "known", "data-stays": true }, quiet("…"));
  const summary = el("summary", { title: t("head.other_bucket") }, text);
  return el("details", { class: "place", "data-key": "place", ontoggle: (event) => event.target.open && showKnown(view, bucket) }, summary, form, el("h2", {}, t("head.known")), known);
}

function submit(event) {
  event.preventDefault();
  const { bucket, region } = Object.fromEntries(new FormData(event.target));
  location.assign(addressOfBucket(bucket.trim(), region.trim()));
}

// Only now: few readers want it, and it costs a query of Airflow's database.
async function showKnown(view, shown) {
  const place = document.getElementById("known");
  try {
    const { buckets } = await view.jobs.buckets();
    const others = buckets.filter((one) => one.bucket !== shown);
    const links = others.map((one) => el("li", {}, el("a", { href: addressOfBucket(one.bucket, one.region) }, `${one.bucket} · ${one.region}`)));
    redraw(place, links.length ? el("ul", {}, links) : quiet(t("head.no_known")));
  } catch (error) {
    redraw(place, quiet(error.message));
  }
}

// The counts of a job's files, in words and as a bar.

import { el, quiet, svg } from "./elements.js";
import { about, number, percent, t } from "./language.js";

const KINDS = [["done", "succeeded"], ["failed", "failed"], ["cancelled", "cancelled"], ["left", "left"]];

export function filesText(counts) {
  const write = counts.estimated ? (value) => `~${about(value)}` : number;
  const parts = KINDS.filter(([kind, name]) => kind === "done" || counts[name])
    .map(([kind, name]) => t(`files.${kind}`, { count: write(counts[name]) }))
    .join(t("files.comma"));
  return counts.is_complete || counts.estimated ? parts : t("files.at_least", { parts });
}

// How sure the counts are, in words; empty if they are exact.
export function certainty(counts) {
  if (counts.is_complete) return "";
  if (!counts.estimated) return t("files.part");
  const count = about(counts.total);
  if (!counts.failed) return t("files.estimated", { count });
  const share = counts.failed / counts.total;
  return t("files.estimated_failed", { count, percent: share < 0.001 ? t("files.at_most", { percent: percent(0.001) }) : percent(share) });
}

export function bar(counts) {
  if (!counts.total) return quiet(t("files.none"));
  let at = 0;
  const drawn = KINDS.filter(([, name]) => counts[name]).map(([kind, name]) => {
    const width = (100 * counts[name]) / counts.total;
    const part = svg("rect", { class: kind, x: at, y: 0, width, height: 8 });
    at += width;
    return part;
  });
  const title = counts.estimated ? t("files.estimate_of", { count: about(counts.total) }) : null;
  const shown = svg("svg", { class: counts.is_complete ? "bar" : "bar partial", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn);
  return el("div", { class: "files" }, shown, el("span", { class: "bar-text", title }, filesText(counts)));
}

// The plot of the files that were done over time, and the same numbers as a table.

import { el, svg, table } from "./elements.js";
import { about, number, t } from "./language.js";
import { clock, moment } from "./times.js";

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 220, 64, 16, 12, 28];
const KINDS = [["succeeded", "done"], ["failed", "failed"], ["cancelled", "cancelled"]];

export function plot(timeline) {
  const { points } = timeline;
  if (!points.length) return [el("p", { class: "quiet" }, t(timeline.done ? "plot.no_times" : "plot.none"))];
  const write = timeline.estimated ? (count) => `~${about(count)}` : number;
  return [el("figure", {}, picture(points, write), el("figcaption", { class: "quiet" }, caption(timeline))), numbers(points, write)];
}

function caption({ sampled, done, is_complete: isComplete, estimated }) {
  const parts = [];
  if (sampled < done) {
    parts.push(estimated ? t("plot.sampled_about", { sampled: number(sampled), done: about(done) }) : t("plot.sampled", { sampled: number(sampled), done: number(done) }));
  }
  if (!(isComplete || estimated)) parts.push(t("plot.part"));
  return parts.join(" ");
}

// The kinds of files that there are at the end, each with its number in words.
const shown = (end, write) => KINDS.filter(([name]) => end[name]).map(([name, kind]) => [kind, t("plot.legend", { kind: t(`plot.${name}`), count: write(end[name]) })]);

function picture(points, write) {
  const times = points.map((point) => Date.parse(point.at));
  const [first, last] = [times[0], times.at(-1)];
  const totals = points.map((point) => point.succeeded + point.failed + point.cancelled);
  const top = niceTop(Math.max(...totals));
  const x = (time) => (last === first ? LEFT : LEFT + ((WIDTH - LEFT - RIGHT) * (time - first)) / (last - first));
  const y = (count) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * count) / top;
  const end = points.at(-1);
  const counts = shown(end, write).map(([, text]) => text).join(t("files.comma"));
  const title = svg("title", { id: "plot-title" }, t("plot.title"));
  const description = svg("desc", { id: "plot-words" }, t("plot.words", { from: clock(points[0].at), to: clock(end.at), counts }));
  return svg(
    "svg",
    { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-labelledby": "plot-title plot-words" },
    title,
    description,
    axes(x, y, top, points[0].at, end.at),
    areas(points, times, x, y),
    legend(end, write),
  );
}

// One above the other: what succeeded, then what failed, then what was cancelled.
function areas(points, times, x, y) {
  const below = points.map(() => 0);
  return KINDS.filter(([name]) => points.at(-1)[name]).map(([name, kind]) => {
    const bottom = [...below];
    points.forEach((point, index) => (below[index] += point[name]));
    const edge = (counts) => counts.map((count, index) => `${x(times[index]).toFixed(1)},${y(count).toFixed(1)}`);
    if (points.length === 1) return svg("rect", { class: `area ${kind}`, x: LEFT, width: 12, y: y(below[0]), height: y(bottom[0]) - y(below[0]) });
    return svg("polygon", { class: `area ${kind}`, points: [...edge(below), ...edge(bottom).reverse()].join(" ") });
  });
}

function axes(x, y, top, firstAt, lastAt) {
  const lines = [0, top / 2, top].filter(Number.isInteger).map((count) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(count), y2: y(count) }),
    svg("text", { x: LEFT - 8, y: y(count) + 4, "text-anchor": "end" }, number(count)),
  ]);
  const [first, last] = [Date.parse(firstAt), Date.parse(lastAt)];
  const ticks = first === last ? [0] : [0, 1, 2, 3, 4];
  const labels = ticks.map((step) => {
    const time = first + ((last - first) * step) / 4;
    const anchor = step === 0 ? "start" : step === 4 ? "end" : "middle";
    return svg("text", { x: x(time), y: HEIGHT - 8, "text-anchor": anchor }, clock(time));
  });
  return [...lines.flat(), ...labels];
}

function legend(end, write) {
  return shown(end, write).flatMap(([kind, text], index) => [
    svg("rect", { class: `area ${kind}`, x: LEFT + 12 + index * 190, y: TOP + 4, width: 10, height: 10, rx: 2 }),
    svg("text", { x: LEFT + 28 + index * 190, y: TOP + 13 }, text),
  ]);
}

function niceTop(most) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  return [1, 2, 4, 6, 10].map((step) => step * unit).find((top) => top >= most);
}

function numbers(points, write) {
  const step = Math.max(1, Math.floor(points.length / 12));
  const chosen = points.filter((_, index) => index % step === 0 || index === points.length - 1);
  const heads = [t("plot.time"), ...KINDS.map(([name]) => t(`plot.${name}`))];
  const rows = chosen.map((point) => ({ cells: [moment(point.at), ...KINDS.map(([name]) => write(point[name]))] }));
  return el("details", { "data-key": "times-table" }, el("summary", {}, t("plot.table")), table(t("plot.title"), heads, rows, { class: "numbers" }));
}

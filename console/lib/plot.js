// A small plot, drawn as SVG: bars and lines over the same points, readable without colour, with its numbers as a table.
//
//   <${Plot} title="Mails and tickets" labels=${["Tue 5 May, 11:00", …]} ticks=${{ 0: "11:00", 6: "17:00" }}
//      series=${[{ name: "Mails", values: [3, null, …], shape: "bars" }]} format=${formatNumber} most=${1} />
//   shapes: "bars" (filled), "hatched" (bars with stripes), "line" (round points), "dashed" (dashed line, square points)
//   null: there is no value; ticks: the place of a point and what stands under it; most: the top of an empty axis
import { formatNumber } from "./format.js";
import { html, useEffect, useState } from "./html.js";

const WIDTH = 400;
const HEIGHT = 140;
// On a wall two rows of plots are to be seen without scrolling.
const WALL_HEIGHT = 86;
const WALL = window.matchMedia("(min-width: 100rem)");
const LEFT = 50;
const RIGHT = 6;
const TOP = 8;
const BOTTOM = 20;

let plots = 0;

export function Plot({ title, labels, ticks = {}, series, format = formatNumber, most = 1, nice = niceTop }) {
  const [id] = useState(() => `plot-${(plots += 1)}`);
  const height = useHeight();
  const top = nice(Math.max(most, ...series.flatMap((each) => each.values.filter((value) => value !== null))));
  const step = (WIDTH - LEFT - RIGHT) / Math.max(1, labels.length);
  const x = (place) => LEFT + step * (place + 0.5);
  const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - value / top);
  return html`<figure class="plot">
    <figcaption>${title} <${Legend} series=${series} id=${id} /></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label=${summarise(title, labels, series, format)}>
      <${Stripes} id=${id} />
      ${[0, top / 2, top].map((value) => html`<g key=${value}>
        <line class="grid" x1=${LEFT} x2=${WIDTH - RIGHT} y1=${y(value)} y2=${y(value)} />
        <text class="axis" x=${LEFT - 5} y=${y(value) + 4} text-anchor="end">${format(value)}</text>
      </g>`)}
      ${Object.entries(ticks).map(([place, text]) => html`<text
        key=${place} class="axis" x=${x(Number(place))} y=${height - 5} text-anchor=${anchorOf(Number(place), labels)}>${text}</text>`)}
      ${series.map((each, place) => html`<${Drawn} key=${each.name} series=${each} place=${place} id=${id} x=${x} y=${y} step=${step} />`)}
    </svg>
    <details>
      <summary>Numbers<span class="hidden"> of ${title}</span></summary>
      <table>
        <caption class="hidden">${title}</caption>
        <thead><tr><th scope="col">Time</th>${series.map((each) => html`<th scope="col" key=${each.name}>${each.name}</th>`)}</tr></thead>
        <tbody>${labels.map((label, place) => html`<tr key=${label}>
          <th scope="row">${label}</th>
          ${series.map((each) => html`<td class="number" key=${each.name}>${format(each.values[place])}</td>`)}
        </tr>`)}</tbody>
      </table>
    </details>
  </figure>`;
}

function useHeight() {
  const [isWall, setIsWall] = useState(WALL.matches);
  useEffect(() => {
    const note = () => setIsWall(WALL.matches);
    WALL.addEventListener("change", note);
    return () => WALL.removeEventListener("change", note);
  }, []);
  return isWall ? WALL_HEIGHT : HEIGHT;
}

function Drawn({ series, place, id, x, y, step }) {
  const points = series.values.map((value, at) => ({ value, at })).filter(({ value }) => value !== null);
  if (series.shape === "bars" || series.shape === "hatched") {
    const fill = series.shape === "hatched" ? { fill: `url(#${id}-stripes)` } : {};
    return html`<g class="series series-${place} ${series.shape}">
      ${points.filter(({ value }) => value > 0).map(({ value, at }) => html`<rect
        key=${at} x=${x(at) - step * 0.4} width=${step * 0.8} y=${y(value)} height=${Math.max(0.5, y(0) - y(value))} ...${fill} />`)}
    </g>`;
  }
  const runs = splitRuns(points);
  return html`<g class="series series-${place} ${series.shape}">
    ${runs.map((run) => html`<polyline key=${run[0].at} points=${run.map(({ value, at }) => `${x(at)},${y(value)}`).join(" ")} />`)}
    ${points.map(({ value, at }) => (series.shape === "dashed"
      ? html`<rect key=${at} x=${x(at) - 2.5} y=${y(value) - 2.5} width="5" height="5" />`
      : html`<circle key=${at} cx=${x(at)} cy=${y(value)} r="3" />`))}
  </g>`;
}

function Legend({ series, id }) {
  return html`<span class="legend" aria-hidden="true">${series.map((each, place) => html`<span key=${each.name}>
    <svg viewBox="0 0 24 12" class="mark"><${Stripes} id=${`${id}-legend-${place}`} /><g class="series series-${place} ${each.shape}">
      ${each.shape === "bars" && html`<rect x="5" y="1" width="14" height="10" />`}
      ${each.shape === "hatched" && html`<rect x="5" y="1" width="14" height="10" fill=${`url(#${id}-legend-${place}-stripes)`} />`}
      ${each.shape === "line" && html`<polyline points="0,6 24,6" /><circle cx="12" cy="6" r="3.5" />`}
      ${each.shape === "dashed" && html`<polyline points="0,6 24,6" /><rect x="9" y="3" width="6" height="6" />`}
    </g></svg>${each.name}</span>`)}</span>`;
}

function Stripes({ id }) {
  return html`<defs><pattern id="${id}-stripes" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
    <line class="stripe" x1="0" y1="0" x2="0" y2="5" />
  </pattern></defs>`;
}

/** Return the sentence that stands for the picture. */
function summarise(title, labels, series, format) {
  const said = series.map(({ name, values }) => {
    const known = values.filter((value) => value !== null);
    if (!known.length) return `${name}: no value`;
    const last = values.findLastIndex((value) => value !== null);
    return `${name}: at most ${format(Math.max(...known))}, last ${format(values[last])} at ${labels[last]}`;
  });
  return `${title}. ${said.join("; ")}.`;
}

function splitRuns(points) {
  const runs = [];
  for (const point of points) {
    const last = runs.at(-1);
    if (last && last.at(-1).at === point.at - 1) last.push(point);
    else runs.push([point]);
  }
  return runs;
}

const anchorOf = (place, labels) => (place === 0 ? "start" : place === labels.length - 1 ? "end" : "middle");

/** Return the top of an axis: 2, 4, 6, 8, 10, 20, 40, … so that its half is a whole number. */
export function niceTop(value) {
  const tens = 10 ** Math.floor(Math.log10(Math.max(2, value)));
  return [1, 2, 4, 6, 8, 10].map((factor) => factor * tens).find((top) => top >= Math.max(2, value)) ?? value;
}

/** Return the top of an axis of seconds: its half is a round span as well. */
export function niceSeconds(value) {
  const known = [10, 20, 60, 120, 240, 600, 1200, 3600, 7200, 14400, 43200, 86400, 172800];
  return known.find((top) => top >= value) ?? Math.ceil(value / 172800) * 172800;
}

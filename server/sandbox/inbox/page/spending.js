/** Balance and spending over time, as a chart and as a table. */

import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { useAnswer } from "./live.js";
import { clockTime, Currency, dayOf, html, money, Money, Now, View } from "./parts.js";

const KINDS = { sms: "SMS", mms: "MMS", letter: "Letters" };
const [BALANCE, GAP, BARS] = [120, 30, 140]; // heights of the two plots and of the space between them
const LEFT = 64; // x of the plots

export function SpendingView({ overview }) {
  const { data, error } = useAnswer("spending");
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (!data || !overview) return null;
  const total = Object.values(data.totals).reduce((sum, amount) => sum + Number(amount), 0);
  const figures = [
    ["Balance", overview.balance],
    ["Spent", total],
    ...Object.entries(KINDS).map(([kind, name]) => [name, data.totals[kind], kind]),
  ];
  return html`
    <${View} title="Spending" name="spending">
      <dl class="figures">
        ${figures.map(
          ([name, amount, kind]) => html`
          <div key=${name} class="card">
            <dt>${kind && html`<span class="swatch ${kind}" aria-hidden="true"></span>`}${name}</dt>
            <dd><${Money} amount=${amount} /></dd>
          </div>`,
        )}
      </dl>
      <${Chart} rows=${data.rows} step=${data.step} />
      <${Table} rows=${data.rows} step=${data.step} />
    <//>
  `;
}

const spentIn = (row) => Object.values(row.spent).reduce((sum, amount) => sum + Number(amount), 0);

const LENGTHS = [
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

/** A duration in words: 1800 is "30 minutes". @param {number} seconds */
function inWords(seconds) {
  const [unit, name] = LENGTHS.find(([length]) => seconds % length === 0);
  const count = seconds / unit;
  return count === 1 ? name : `${count} ${name}s`;
}

/** An amount rounded up, for the end of an axis. @param {number} amount */
function roundUp(amount) {
  const power = 10 ** Math.floor(Math.log10(amount || 1));
  return [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((round) => round >= amount);
}

/** The content width of an element, as it changes. */
function useWidth() {
  const element = useRef(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(element.current);
    return () => observer.disconnect();
  }, []);
  return [element, width];
}

/** Round numbers around some amounts, for both ends of an axis: from zero, a balance would look almost flat. */
function range(amounts) {
  const [least, most] = [Math.min(...amounts), Math.max(...amounts)];
  const unit = 10 ** Math.floor(Math.log10(most - least || most || 1));
  const [low, high] = [Math.floor(least / unit) * unit, Math.ceil(most / unit) * unit];
  return low < high ? [low, high] : [low - unit, high];
}

function Chart({ rows, step }) {
  const [drawing, all] = useWidth();
  const prefix = useContext(Currency);
  const now = useContext(Now);
  const [low, high] = range(rows.map((row) => Number(row.balance)));
  const most = roundUp(Math.max(...rows.map(spentIn)));
  const width = Math.max(all - LEFT, 0) / rows.length;
  const left = (place) => LEFT + place * width;
  const height = (amount) => BALANCE - ((Number(amount) - low) / (high - low)) * (BALANCE - 12);
  const line = rows
    .map((row, place) => `${place ? "L" : "M"}${left(place)} ${height(row.balance)}H${left(place + 1)}`)
    .join("");
  const bottom = BALANCE + GAP + BARS;
  const label = (row) => (step >= 86400 ? dayOf(row.from, now) : clockTime(row.from));
  // The outermost labels stay inside.
  const anchor = (place) => (place === 0 ? "start" : place === rows.length - 1 ? "end" : "middle");
  const labelled = [...new Set([0, Math.floor((rows.length - 1) / 2), rows.length - 1])];
  const summary =
    `Balance from ${money(rows[0].balance, prefix)} to ${money(rows.at(-1).balance, prefix)}; ` +
    `${money(
      rows.reduce((sum, row) => sum + spentIn(row), 0),
      prefix,
    )} spent. The table has the figures.`;
  return html`
    <figure class="chart card">
      <figcaption>Balance, and spending in each ${inWords(step)}</figcaption>
      <div ref=${drawing}>
      <svg width=${all} height=${bottom + 24} role="img" aria-label=${summary}>
        <${Axis} right=${all} y=${12} text=${money(high, prefix)} />
        <${Axis} right=${all} y=${BALANCE} text=${money(low, prefix)} />
        <path class="line" d=${line} />
        <${Axis} right=${all} y=${BALANCE + GAP} text=${money(most, prefix)} />
        <${Axis} right=${all} y=${bottom} text=${money(0, prefix)} />
        ${rows.map(
          (row, place) => html`
            <${Bar} key=${row.from} row=${row} x=${left(place)} width=${width} most=${most} bottom=${bottom} />`,
        )}
        ${labelled.map(
          (place) => html`
          <text key=${place} class="axis" x=${left(place + 0.5)} y=${bottom + 18}
            text-anchor=${anchor(place)}>${label(rows[place])}</text>`,
        )}
      </svg>
      </div>
    </figure>
  `;
}

const Axis = ({ y, right, text }) => html`
  <g>
    <line class="grid" x1=${LEFT} x2=${right} y1=${y} y2=${y} />
    <text class="axis" x=${LEFT - 8} y=${y + 4} text-anchor="end">${text}</text>
  </g>
`;

function Bar({ row, x, width, most, bottom }) {
  const gap = Math.min(width * 0.2, 6);
  let y = bottom;
  return Object.keys(KINDS).map((kind) => {
    const tall = (Number(row.spent[kind]) / most) * BARS;
    y -= tall;
    const thin = Math.min(width - gap, 48);
    return (
      tall > 0 &&
      html`<rect key=${kind} class=${kind} x=${x + (width - thin) / 2} y=${y} width=${thin} height=${tall} rx="1.5" />`
    );
  });
}

function Table({ rows, step }) {
  const now = useContext(Now);
  const spent = rows.filter((row) => spentIn(row) > 0);
  const moment = (row) => `${dayOf(row.from, now)}, ${clockTime(row.from)}`;
  return html`
    <details class="figures-table">
      <summary>The same as a table</summary>
      <table>
        <caption class="hidden">What was spent in each ${inWords(step)}, and the balance at its end</caption>
        <thead>
          <tr>
            ${["From", ...Object.values(KINDS), "Balance"].map((name) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${spent.map(
            (row) => html`
            <tr key=${row.from}>
              <th scope="row">${moment(row)}</th>
              ${Object.keys(KINDS).map((kind) => html`<td key=${kind}><${Money} amount=${row.spent[kind]} /></td>`)}
              <td><${Money} amount=${row.balance} /></td>
            </tr>`,
          )}
          ${!spent.length && html`<tr><td colspan="5">Nothing was spent yet.</td></tr>`}
        </tbody>
      </table>
    </details>
  `;
}

/** Small components that all views share. Text is always passed to Preact as text, never as markup. */

import { createContext, h } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);

/** The prefix of amounts, such as $. */
export const Currency = createContext("");

/** The sandbox's clock in Unix seconds, which decides what "today" is. */
export const Now = createContext(0);

const ICONS = {
  messages: "M4 5h16v11h-9l-4 4v-4H4z",
  letters: "M3 6h18v12H3zM3 7l9 7 9-7",
  campaigns: "M4 10v4l11 4V6zM15 9a3 3 0 0 1 0 6M7 15v4h3v-3",
  lists: "M9 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM3 19c0-3 3-5 6-5s6 2 6 5M16 5a3 3 0 0 1 0 6M18 14c2 1 3 3 3 5",
  rules: "M13 3 5 14h6l-1 7 8-11h-6z",
  spending: "M4 20h16M6 16v-4M11 16V8M16 16V4",
  calls: "M7 8h13l-3-3M17 16H4l3 3",
  controls: "M5 4v7M5 15v5M12 4v3M12 11v9M19 4v9M19 17v3M3 13h4M10 9h4M17 15h4",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  back: "M14 5l-7 7 7 7",
  plus: "M12 5v14M5 12h14",
  send: "M4 12 20 5l-5 15-3-6zM12 14l8-9",
};

/** @param {{name: keyof typeof ICONS}} props */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name]} /></svg>
`;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

/** @param {number} at Unix seconds */
export const clockTime = (at) => CLOCK.format(at * 1000);

/** @param {number} at @param {number} now both in Unix seconds */
export function dayOf(at, now) {
  const [day, today] = [new Date(at * 1000), new Date(now * 1000)];
  if (day.toDateString() === today.toDateString()) return "Today";
  return (day.getFullYear() === today.getFullYear() ? DAY : YEAR).format(day);
}

/** A moment: only the time of day if it is today. @param {{at: number, long?: boolean}} props */
export function Time({ at, long }) {
  const now = useContext(Now);
  const date = new Date(at * 1000);
  const day = dayOf(at, now);
  const text = day === "Today" && !long ? clockTime(at) : `${day}, ${clockTime(at)}`;
  return html`<time datetime=${date.toISOString()} title=${FULL.format(date)}>${text}</time>`;
}

/**
 * An amount, with four decimal places where two would round it.
 * @param {string | number} amount
 * @param {string} prefix
 */
export function money(amount, prefix) {
  const places = Math.abs(amount * 100 - Math.round(amount * 100)) > 1e-6 ? 4 : 2;
  return (
    prefix + Number(amount).toLocaleString(undefined, { minimumFractionDigits: places, maximumFractionDigits: places })
  );
}

/** @param {{amount: string | number}} props */
export const Money = ({ amount }) => html`<span class="money">${money(amount, useContext(Currency))}</span>`;

/** @param {number} count @param {string} one @param {string} [many] */
export const plural = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

const TONES = {
  Completed: "good",
  Sent: "good",
  SUCCESS: "good",
  Failed: "bad",
  Cancelled: "off",
  Scheduled: "wait",
  Received: "plain",
};

/** A status; its colour says no more than its word. @param {{status: string, detail?: string}} props */
export const Status = ({ status, detail }) => html`
  <span class="status ${TONES[status] ?? "going"}" title=${detail}>${status.replace("Queued:", "")}</span>
`;

/**
 * A search field that waits until the person stops typing.
 * @param {{label: string, onSearch: (q: string) => void}} props
 */
export function Search({ label, onSearch }) {
  const timer = useRef(0);
  const type = (event) => {
    const words = event.currentTarget.value;
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onSearch(words), 200);
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  return html`<input class="search" type="search" aria-label=${label} placeholder=${label} onInput=${type} />`;
}

/** The search text, and the number of rows before those shown. */
export function usePlace() {
  const [place, setPlace] = useState({ q: "", skip: 0 });
  return { ...place, search: (q) => setPlace({ q, skip: 0 }), go: (skip) => setPlace({ q: place.q, skip }) };
}

/** @param {{answer: any, limit: number, go: (skip: number) => void, what: string}} props */
export function Pager({ answer, limit, go, what }) {
  const { total, skip, rows } = answer;
  if (total <= limit) return null;
  const there = (place) => place >= 0 && place < total;
  // Not disabled at the ends: a disabled button loses the focus.
  const button = (words, to) => html`
    <button type="button" aria-disabled=${!there(to)} onClick=${() => there(to) && go(to)}>${words}</button>
  `;
  return html`
    <nav class="pager" aria-label="Pages of ${what}">
      ${button("Previous", skip > 0 ? Math.max(skip - limit, 0) : -1)}
      <span>${[skip + 1, "to", skip + rows.length, "of", total].map((one) => one.toLocaleString()).join(" ")}</span>
      ${button("Next", skip + limit)}
    </nav>
  `;
}

/** The actions of rules for inbound messages. */
export const RULE_ACTIONS = {
  AUTO_REPLY: "Replies",
  EMAIL_USER: "Sends an email to a user",
  EMAIL_FIXED: "Sends an email",
  URL: "Calls a web address",
  SMS: "Forwards to a phone",
  POLL: "Puts it into the inbox of the API",
  GROUP_SMS: "Sends to a list",
  MOVE_CONTACT: "Moves the contact to a list",
  CREATE_CONTACT: "Adds a contact to a list",
  CREATE_CONTACT_PLUS_EMAIL: "Adds a contact with the email in the text",
  CREATE_CONTACT_PLUS_NAME_EMAIL: "Adds a contact with name and email in the text",
  CREATE_CONTACT_PLUS_NAME: "Adds a contact with the name in the text",
  SMPP: "Hands it on by SMPP",
  NONE: "Does nothing",
};

/** What a rule did with a message. @param {{run: {rule: string, action: string, outcome: string}}} props */
export const Run = ({ run }) => html`
  <span><bdi>${run.rule}</bdi>: ${RULE_ACTIONS[run.action] ?? run.action}, ${run.outcome}</span>
`;

/** A placeholder for an empty list. @param {{icon: keyof typeof ICONS, title: string, children?: any}} props */
export const Empty = ({ icon, title, children }) => html`
  <div class="empty">
    <${Icon} name=${icon} />
    <p class="title">${title}</p>
    ${children && html`<p>${children}</p>`}
  </div>
`;

/** The frame of a view; its heading takes the focus when the view is opened. */
export function View({ title, tools, children, name }) {
  const heading = useFocusOnOpening();
  return html`
    <div class="view view-${name}">
      <header class="view-head">
        <h1 ref=${heading} tabindex="-1">${title}</h1>
        ${tools && html`<div class="tools">${tools}</div>`}
      </header>
      ${children}
    </div>
  `;
}

let opened = false;

/** Focus a newly opened element, but not right after the page has loaded. */
export function useFocusOnOpening() {
  const element = useRef(null);
  useEffect(() => {
    if (opened) element.current?.focus({ preventScroll: true });
    opened = true;
  }, []);
  return element;
}

/** A list with search and pages, from an answer; `row` renders one. */
export function Listing({ answer, place, limit, what, empty, row, list = "cards" }) {
  const { data, error } = answer;
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (!data) return null;
  if (!data.rows.length) return place.q ? html`<${Empty} icon="lists" title="Nothing found" />` : empty;
  return html`
    <ul class=${list}>${data.rows.map(row)}</ul>
    <${Pager} answer=${data} limit=${limit} go=${place.go} what=${what} />
  `;
}

/** Names and values; those without a value are omitted. @param {{facts: [string, any][]}} props */
export const Facts = ({ facts }) => html`
  <dl class="facts">
    ${facts
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd dir="auto">${value}</dd></div>`)}
  </dl>
`;

/**
 * A modal dialog, which keeps the keyboard focus inside.
 * @param {{title: string, close: () => void, children: any}} props
 */
export function Dialog({ title, close, children }) {
  const element = useRef(null);
  useEffect(() => element.current.showModal(), []);
  return html`
    <dialog ref=${element} aria-label=${title} onClose=${close}>
      <h2>${title}</h2>
      ${children}
    </dialog>
  `;
}

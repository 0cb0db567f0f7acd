/** Conversations by phone number, as the phone would show them, and replies from it. */

import { useContext, useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { AccountName, announce, order, useAnswer, useProblem } from "./live.js";
import {
  clockTime,
  dayOf,
  Dialog,
  Empty,
  Facts,
  html,
  Icon,
  Listing,
  Money,
  Now,
  plural,
  Run,
  Search,
  Status,
  Time,
  useFocusOnOpening,
  usePlace,
} from "./parts.js";
import { go, link } from "./route.js";

const PEOPLE = 40; // conversations per page
const STEP = 50; // messages shown at first, and added by "Earlier"
const MOST = 200; // messages in the page at once

/** @param {{item: string}} props the open phone number */
export function MessagesView({ item }) {
  const [writing, setWriting] = useState(false);
  return html`
    <div class="messages ${item ? "with-thread" : ""}">
      <h1 class="hidden">Messages</h1>
      <${People} open=${item} write=${() => setWriting(true)} />
      ${item ? html`<${Thread} number=${item} key=${item} />` : html`<${NoThread} />`}
      ${writing && html`<${NewMessage} close=${() => setWriting(false)} />`}
    </div>
  `;
}

const NoThread = () => html`
  <div class="thread none">
    <${Empty} icon="messages" title="No conversation is open">Choose one to see what this phone would have received.<//>
  </div>
`;

function People({ open, write }) {
  const place = usePlace();
  const answer = useAnswer("conversations", { q: place.q, skip: place.skip, limit: PEOPLE });
  const heading = useFocusOnOpening();
  const list = useRef(null);
  // The arrow keys move through the list, as Tab does.
  const onKey = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const links = [...list.current.querySelectorAll("ul a")];
    const here = links.indexOf(document.activeElement);
    if (!step || here < 0) return;
    event.preventDefault();
    links[Math.min(Math.max(here + step, 0), links.length - 1)].focus();
  };
  const empty = html`
    <${Empty} icon="messages" title="No messages yet">
      What your agent sends appears here at once. You can also write from a phone.
    <//>
  `;
  return html`
    <section class="people" aria-label="Conversations" ref=${list} onKeyDown=${onKey}>
      <header class="view-head">
        <h2 class="title" ref=${heading} tabindex="-1">Conversations</h2>
        <div class="tools">
          <button type="button" onClick=${write}><${Icon} name="plus" />From a phone</button>
          <${Search} label="Search messages" onSearch=${place.search} />
        </div>
      </header>
      <${Listing} answer=${answer} place=${place} limit=${PEOPLE} what="conversations" empty=${empty} list="rows"
        row=${(row) => html`<${Person} row=${row} open=${row.number === open} key=${row.number} />`} />
    </section>
  `;
}

/** Initials, or the last digits of a number, on a colour that stays the same. */
function Avatar({ name, number }) {
  const initials = name
    ? name
        .split(/\s+/)
        .slice(0, 2)
        .map((word) => [...word][0])
        .join("")
    : number.slice(-2);
  const hue = [...number].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 997, 7) % 6;
  return html`<span class="avatar hue-${hue}" aria-hidden="true">${initials}</span>`;
}

function Person({ row, open }) {
  const { last } = row;
  const said = `${last.direction === "in" ? "↩ " : ""}${last.kind === "mms" ? "[picture] " : ""}${last.body}`;
  return html`
    <li>
      <a href=${link("messages", row.number)} aria-current=${open ? "true" : undefined}>
        <${Avatar} name=${row.name} number=${row.number} />
        <span class="who"><bdi>${row.name || row.number}</bdi></span>
        <${Time} at=${last.date} />
        <span class="said" dir="auto">${said}</span>
        <span class="marks">
          ${row.failed > 0 && html`<span class="chip bad">${row.failed} failed</span>`}
          ${row.waiting > 0 && html`<span class="chip wait">${row.waiting} scheduled</span>`}
          <span class="chip">
            ${row.messages.toLocaleString()}<span class="hidden"> ${row.messages === 1 ? "message" : "messages"}</span>
          </span>
        </span>
      </a>
    </li>
  `;
}

/** One phone. It shows the newest messages and follows new ones, unless the person has scrolled back. */
function Thread({ number }) {
  const [{ skip, limit }, setWindow] = useState({ skip: 0, limit: STEP });
  const { data, error } = useAnswer("conversation", { number, skip, limit });
  const heading = useFocusOnOpening();
  const log = useScrolling(data);
  const heard = useRef({ total: -1 });
  useEffect(() => {
    if (!data) return;
    const known = heard.current.total;
    const more = known < 0 ? 0 : data.total - known;
    heard.current.total = data.total;
    if (more <= 0) return;
    // A person who reads earlier messages keeps seeing the same ones.
    if (skip > 0) setWindow({ skip: skip + more, limit });
    announce(more > 1 || skip > 0 ? plural(more, "new message") : `New message: ${data.rows.at(-1).body}`);
  }, [data?.total]);

  if (error) return html`<section class="thread"><p class="problem" role="alert">${error}</p></section>`;
  const earlier = data && data.skip + data.rows.length < data.total;
  const showEarlier = () => setWindow(limit < MOST ? { skip, limit: limit + STEP } : { skip: skip + STEP, limit });
  const showLater = () => setWindow({ skip: Math.max(skip - STEP, 0), limit });
  return html`
    <section class="thread" aria-label="Conversation with ${number}">
      <header class="view-head">
        <a class="back" href=${link("messages")} aria-label="Back to all conversations"><${Icon} name="back" /></a>
        ${data && html`<${Avatar} name=${data.name} number=${number} />`}
        <div>
          <h2 ref=${heading} tabindex="-1"><bdi>${data?.name || number}</bdi></h2>
          <p class="soft"><bdi>${data?.name ? `${number} · ` : ""}</bdi>${data ? plural(data.total, "message") : ""}</p>
          ${data?.opted_out && html`<p class="chip bad">Opted out: campaigns leave this number out</p>`}
        </div>
      </header>
      <div class="log" ref=${log} tabindex="0" role="region" aria-label="Messages of ${number}">
        ${earlier && html`<button type="button" class="turn" onClick=${showEarlier}>Earlier messages</button>`}
        ${data?.rows.length > 0 && html`<${Bubbles} rows=${data.rows} />`}
        ${data?.rows.length === 0 && html`<${Empty} icon="messages" title="Nothing was sent to this number" />`}
        ${
          skip > 0 &&
          html`
          <button type="button" class="turn" onClick=${showLater}>Later messages</button>
          <button type="button" class="turn" onClick=${() => setWindow({ skip: 0, limit: STEP })}>Newest</button>`
        }
      </div>
      <${Reply} number=${number} answersTo=${data?.answers_to} />
    </section>
  `;
}

/** Keeps a log scrolled to its end if it is there, and at the same message when earlier ones are inserted. */
function useScrolling(data) {
  const log = useRef(null);
  const before = useRef({ height: 0, first: undefined, atEnd: true });
  // This runs after rendering; the state before it was stored by the previous run.
  useLayoutEffect(() => {
    const element = log.current;
    if (!element || !data) return;
    const last = before.current;
    const first = data.rows[0]?.id;
    if (last.atEnd) element.scrollTop = element.scrollHeight;
    else if (last.first !== first && last.height) element.scrollTop += element.scrollHeight - last.height;
    before.current = { height: element.scrollHeight, first, atEnd: last.atEnd };
  }, [data]);
  useEffect(() => {
    const element = log.current;
    if (!element) return undefined;
    let top = element.scrollTop;
    const scrolled = () => {
      // Only scrolling back leaves the end: it also moves away when a picture loads.
      if (element.scrollTop + element.clientHeight >= element.scrollHeight - 40) before.current.atEnd = true;
      else if (element.scrollTop < top) before.current.atEnd = false;
      top = element.scrollTop;
    };
    // A loaded picture or a resized window must not push the end out of sight.
    const stay = () => {
      if (before.current.atEnd) element.scrollTop = element.scrollHeight;
    };
    const observer = new ResizeObserver(stay);
    observer.observe(element);
    element.addEventListener("load", stay, { capture: true });
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => observer.disconnect();
  }, []);
  return log;
}

function Bubbles({ rows }) {
  const now = useContext(Now);
  let day = "";
  const entries = rows.flatMap((row) => {
    const next = row.send_at > now && row.status === "Scheduled" ? "Not sent yet" : dayOf(row.send_at, now);
    const separator = next === day ? [] : [html`<li class="day" key=${`before ${row.id}`}>${next}</li>`];
    day = next;
    return [...separator, html`<${Bubble} row=${row} key=${row.id} />`];
  });
  return html`<ol class="bubbles">${entries}</ol>`;
}

/** One message: what the agent sent on the left, what the person replied on the right. */
function Bubble({ row }) {
  const incoming = row.direction === "in";
  const name = incoming ? "Reply" : `${row.kind === "mms" ? "Picture message" : "Message"} from ${row.from}`;
  return html`
    <li class="message ${incoming ? "reply" : "received"} ${row.status.toLowerCase()}">
      <article aria-label="${name}, ${clockTime(row.send_at)}, ${row.status}">
        <div class="bubble">
          ${!incoming && html`<p class="sender"><bdi>${row.from}</bdi></p>`}
          ${row.picture && html`<${Picture} id=${row.id} picture=${row.picture} />`}
          ${row.subject && html`<p class="subject" dir="auto">${row.subject}</p>`}
          <p class="text" dir="auto">${row.body}</p>
        </div>
        <p class="meta">
          <${Time} at=${row.scheduled ? row.send_at : row.date} />
          ${
            !incoming &&
            html`
            <${Status} status=${row.status} detail=${row.detail} />
            <span>${row.kind === "mms" ? "MMS" : plural(row.parts, "part")}</span>
            <${Money} amount=${row.price} />`
          }
          ${incoming && html`<span>to <bdi>${row.to}</bdi></span>`}
        </p>
        ${row.status === "Failed" && html`<p class="meta bad">${row.detail}</p>`}
        ${
          !incoming &&
          html`<${Facts} facts=${[
            [
              "Scheduled",
              row.scheduled && row.status === "Scheduled" ? html`asked for at <${Time} at=${row.date} />` : "",
            ],
            ["Campaign", row.campaign ?? (row.campaign_id ? String(row.campaign_id) : "")],
            ["Custom", row.campaign_id ? "" : row.custom_string],
          ]} />`
        }
        ${row.rules.map(
          (run, place) => html`
          <p class="meta rule" key=${place}><${Icon} name="rules" /><${Run} run=${run} /></p>`,
        )}
      </article>
    </li>
  `;
}

/** A picture: the sandbox's own at once, a remote one only when the person requests it. */
function Picture({ id, picture }) {
  const account = useContext(AccountName);
  const [asked, setAsked] = useState(false);
  const frame = useRef(null);
  useEffect(() => frame.current?.focus(), [asked]); // its button has disappeared
  const { url, host, path } = picture;
  if (path) return html`<img class="picture" src=${path} alt="Picture of the message" />`;
  if (!host) return html`<p class="picture none">The picture's address cannot be shown: <bdi>${url}</bdi></p>`;
  if (asked) {
    const source = `/_sandbox/picture?${new URLSearchParams({ account, message: id })}`;
    return html`
      <div class="picture" ref=${frame} tabindex="-1">
        <iframe sandbox="" src=${source} title="Picture from ${host}"></iframe>
      </div>
    `;
  }
  return html`
    <div class="picture ask">
      <button type="button" onClick=${() => setAsked(true)}>Load the picture</button>
      <span>from <b>${host}</b></span>
    </div>
  `;
}

function Reply({ number, answersTo }) {
  const account = useContext(AccountName);
  const [problem, setProblem] = useProblem();
  const field = useRef(null);
  // A phone can reply to numbers only, not to a sender name.
  const to = answersTo?.startsWith("+") ? answersTo : undefined;
  const send = async (event) => {
    event.preventDefault();
    const body = field.current.value;
    if (!body.trim()) return;
    field.current.value = ""; // at once: anything typed from now on is the next message
    try {
      await order("POST", "inbound", { from: number, body, to, username: account || undefined });
      setProblem(undefined);
    } catch (error) {
      field.current.value ||= body;
      setProblem(error);
    }
  };
  const onKey = (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event);
  };
  return html`
    <form class="reply-form" onSubmit=${send}>
      <label for="reply">
        Reply from this phone${to ? html` to <bdi>${to}</bdi>` : ", to the account's shared number"}
      </label>
      <div class="line">
        <textarea id="reply" ref=${field} rows="1" dir="auto" placeholder="Enter sends" onKeyDown=${onKey}></textarea>
        <button type="submit" class="primary" aria-label="Send the reply"><${Icon} name="send" /></button>
      </div>
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    </form>
  `;
}

/** A message from a phone without a conversation. */
function NewMessage({ close }) {
  const account = useContext(AccountName);
  const [problem, setProblem] = useProblem();
  const send = async (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    try {
      const message = { from: given.get("from"), body: given.get("body"), username: account || undefined };
      const { from } = await order("POST", "inbound", message);
      close();
      go("messages", from);
    } catch (error) {
      setProblem(error);
    }
  };
  return html`
    <${Dialog} title="Write from a phone" close=${close}>
      <form class="fields" onSubmit=${send}>
        <label>Phone number <input name="from" required inputmode="tel" placeholder="+61400000001" /></label>
        <label>Text <textarea name="body" required rows="3" dir="auto"></textarea></label>
        ${problem && html`<p class="problem" role="alert">${problem}</p>`}
        <div class="buttons">
          <button type="button" onClick=${close}>Cancel</button>
          <button type="submit" class="primary">Send</button>
        </div>
      </form>
    <//>
  `;
}

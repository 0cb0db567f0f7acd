/** The page: its frame, its route (in the URL fragment), and the view for it. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { CallsView } from "./calls.js";
import { ControlsView } from "./controls.js";
import { AccountName, announce, Change, onAnnounce, order, useAnswer, useEvents } from "./live.js";
import { MessagesView } from "./messages.js";
import { Currency, html, Icon, money, Now, plural } from "./parts.js";
import { CampaignsView, LettersView, ListsView, RulesView } from "./records.js";
import { go, link, readPlace } from "./route.js";
import { SpendingView } from "./spending.js";

const VIEWS = {
  messages: { title: "Messages", view: MessagesView },
  letters: { title: "Letters", view: LettersView },
  lists: { title: "Lists", view: ListsView },
  calls: { title: "Calls", view: CallsView },
  campaigns: { title: "Campaigns", view: CampaignsView },
  rules: { title: "Rules", view: RulesView },
  spending: { title: "Spending", view: SpendingView },
  controls: { title: "Controls", view: ControlsView },
};
const ON_A_PHONE = 4; // views that fit the bar on a phone; the others are under "More"

function App() {
  const [place, setPlace] = useState(readPlace());
  const { change, connected, clock } = useEvents();
  useEffect(() => {
    const moved = () => setPlace(readPlace());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return html`
    <${Change.Provider} value=${change}>
      <${AccountName.Provider} value=${place.account}>
        <${Frame} place=${place} connected=${connected} clock=${clock} key=${place.account} />
      <//>
    <//>
  `;
}

function Frame({ place, connected, clock }) {
  const { data: overview } = useAnswer("overview");
  const name = VIEWS[place.view] ? place.view : "messages";
  const { view: Chosen, title } = VIEWS[name];
  useEffect(() => void (document.title = `${title} · sandbox`), [title]);
  useEffect(() => {
    // A reset may remove the account; the sandbox then answers for the ordinary one.
    if (overview && place.account && overview.account !== place.account) go("messages", "", "");
  }, [overview?.account]);
  const skip = (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  };
  return html`
    <${Currency.Provider} value=${overview?.currency ?? ""}>
      <${Now.Provider} value=${clock?.now ?? overview?.now ?? Date.now() / 1000}>
        <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
        <${Header} overview=${overview} clock=${clock} connected=${connected} />
        <${Navigation} current=${name} counts=${overview?.counts ?? {}} account=${place.account} />
        <main id="main" tabindex="-1" aria-label=${title}>
          ${!connected && html`<p class="problem">The sandbox does not answer. The page goes on when it does.</p>`}
          <${Chosen} item=${place.item} overview=${overview} key=${name} />
        </main>
        <${Announcer} />
      <//>
    <//>
  `;
}

function Header({ overview, clock, connected }) {
  if (!overview) return html`<header class="top"><${Brand} /></header>`;
  const choose = (event) => {
    const account = event.currentTarget.value;
    go("messages", "", account === overview.default_account ? "" : account);
  };
  const option = ({ username, used }) => html`
    <option key=${username} value=${username} selected=${username === overview.account}>
      ${username}${used && username !== overview.account ? " (in use)" : ""}
    </option>
  `;
  return html`
    <header class="top">
      <${Brand} />
      <label class="account">
        <span class="hidden">Account</span>
        <select onChange=${choose}>${overview.accounts.map(option)}</select>
      </label>
      <span class="balance" title="Balance of the account">
        <span class="hidden">Balance </span>${money(Number(overview.balance).toFixed(2), overview.currency)}
      </span>
      <span class="grow"></span>
      ${
        overview.faults.length > 0 &&
        html`<a class="chip bad" href=${link("controls")}>${plural(overview.faults.length, "fault")} ordered</a>`
      }
      ${clock && html`<${Clock} clock=${clock} connected=${connected} />`}
    </header>
  `;
}

const Brand = () => html`
  <div class="brand">
    <img src="/_sandbox/page/icon.svg" alt="" width="28" height="28" />
    <span><b>ClickSend sandbox</b><small>nothing is sent or paid</small></span>
  </div>
`;

/** The sandbox's clock, which ticks here between its events. */
function Clock({ clock, connected }) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (clock.stopped) return undefined;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [clock.stopped]);
  const passed = clock.stopped ? 0 : (performance.now() - clock.heard) / 1000;
  const moment = new Date((clock.now + passed) * 1000);
  const day = moment.toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" });
  const advance = async (seconds, words) => {
    await order("POST", "clock", { advance: seconds });
    announce(`The clock has moved on by ${words}.`);
  };
  return html`
    <div class="clock" role="group" aria-label="Clock of the sandbox">
      <span class="live ${connected ? "" : "lost"}" title=${connected ? "Live" : "Not connected"}></span>
      <time datetime=${moment.toISOString()}>
        <span class="date">${day} </span>
        ${moment.toLocaleTimeString()}
      </time>
      ${clock.stopped && html`<span class="chip wait">stopped</span>`}
      <button type="button" aria-label="Move the clock on by a minute" onClick=${() => advance(60, "a minute")}>
        +1 min
      </button>
      <button type="button" aria-label="Move the clock on by an hour" onClick=${() => advance(3600, "an hour")}>
        +1 h
      </button>
    </div>
  `;
}

function Navigation({ current, counts, account }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  const entry = ([name, { title }], place) => html`
    <li key=${name} class=${place >= ON_A_PHONE ? "behind-more" : ""}>
      <a href=${link(name, "", account)} aria-current=${name === current ? "page" : undefined} onClick=${close}>
        <${Icon} name=${name} />
        <span class="label">${title}</span>
        ${counts[name] > 0 && html`<span class="count">${counts[name].toLocaleString()}</span>`}
        ${name === "calls" && counts.failed > 0 && html`<span class="count bad">${counts.failed} failed</span>`}
      </a>
    </li>
  `;
  const hidden = Object.keys(VIEWS).indexOf(current) >= ON_A_PHONE;
  const onKey = (event) => event.key === "Escape" && close();
  return html`
    <nav class="views ${open ? "open" : ""}" aria-label="Views" onKeyDown=${onKey}>
      <ul>
        ${Object.entries(VIEWS).map(entry)}
        <li class="more">
          <button type="button" aria-expanded=${open} class=${hidden ? "current" : ""} onClick=${() => setOpen(!open)}>
            <${Icon} name="more" /><span class="label">${hidden ? VIEWS[current].title : "More"}</span>
          </button>
        </li>
      </ul>
    </nav>
  `;
}

/** Announces events to screen readers. */
function Announcer() {
  const [text, setText] = useState("");
  useEffect(() => onAnnounce(setText), []);
  return html`<div class="hidden" role="status" aria-live="polite">${text}</div>`;
}

render(html`<${App} />`, document.getElementById("app"));

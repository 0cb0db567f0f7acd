/** The controls: move the clock, order faults, change the balance, start over. */

import { useContext, useRef, useState } from "preact/hooks";
import { AccountName, announce, order, useProblem } from "./live.js";
import { Dialog, html, Money, plural, Time, View } from "./parts.js";
import { go } from "./route.js";

/** @param {{overview?: any}} props */
export function ControlsView({ overview }) {
  const [problem, setProblem] = useProblem();
  if (!overview) return null;
  /** Run a control, and announce its result. */
  const act = async (done, ...what) => {
    try {
      await order(...what);
      setProblem(undefined);
      announce(done);
    } catch (error) {
      setProblem(error);
    }
  };
  return html`
    <${View} title="Controls" name="controls">
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <div class="panels">
        <${Clock} overview=${overview} act=${act} />
        <${Faults} faults=${overview.faults} act=${act} />
        <${Balance} overview=${overview} act=${act} />
        <${Reset} act=${act} />
      </div>
    <//>
  `;
}

const STEPS = [
  [60, "1 minute"],
  [3600, "1 hour"],
  [86400, "1 day"],
  [604800, "1 week"],
];

function Clock({ overview, act }) {
  const set = (event) => {
    event.preventDefault();
    const moment = new Date(new FormData(event.currentTarget).get("moment")).getTime();
    act("The clock has been set.", "POST", "clock", { now: Math.floor(moment / 1000) });
  };
  const { stopped } = overview;
  const advance = (seconds, words) => act(`The clock has moved on by ${words}.`, "POST", "clock", { advance: seconds });
  const told = stopped ? "The clock runs." : "The clock stands still.";
  const stop = () => act(told, "POST", "clock", { stopped: !stopped });
  return html`
    <section class="card" aria-labelledby="clock-title">
      <h2 id="clock-title">Clock</h2>
      <p class="soft">
        <${Time} at=${overview.now} long />. When time passes, what is scheduled goes out and receipts arrive.
      </p>
      <div class="buttons">
        ${STEPS.map(
          ([seconds, words]) => html`
          <button key=${words} type="button" onClick=${() => advance(seconds, words)}>+ ${words}</button>`,
        )}
        <button type="button" aria-pressed=${stopped}
          onClick=${stop}>
          ${stopped ? "Let it run" : "Stop it"}
        </button>
      </div>
      <form class="fields line" onSubmit=${set}>
        <label>Set it to <input type="datetime-local" name="moment" required /></label>
        <button type="submit">Set</button>
      </form>
    </section>
  `;
}

const KINDS = {
  status: "an error status",
  delay: "a late answer",
  drop: "a lost connection",
  truncate: "an answer that is cut off",
  garbage: "an answer that is not JSON",
  empty: "an empty answer",
  oversize: "an answer that is far too long",
  unfamiliar: "statuses that nobody knows",
  redirect: "a redirect",
};
const MOMENTS = { before: "before it takes effect", after: "after it took effect" };
const PATHS = {
  "": "any call",
  "/v3/sms/send": "SMS sends",
  "/v3/mms/send": "MMS sends",
  "/v3/sms-campaigns": "campaigns",
  "/v3/lists": "lists",
  "/v3/post": "letters",
  "/v3/account": "the account",
};

/** A fault that is not used up. */
function inWords({ kind, status, seconds, when, method, path }) {
  const detail = { status: ` (${status ?? 500})`, delay: ` (${seconds} s)` }[kind] ?? "";
  const meets = [method, path].filter(Boolean).join(" ");
  return html`${KINDS[kind]}${detail}, ${when} it took effect${meets && html`, of <bdi>${meets}</bdi>`}`;
}

const option = ([value, words]) => html`<option key=${value} value=${value}>${words}</option>`;

function Faults({ faults, act }) {
  const [kind, setKind] = useState("status");
  const title = useRef(null);
  const allOff = () => {
    title.current.focus(); // its button disappears
    act("No call fails any more.", "DELETE", "faults");
  };
  const add = (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(event.currentTarget));
    const fault = { kind, when: given.when, times: Number(given.times) };
    if (given.path) fault.path = given.path;
    if (given.status) fault.status = Number(given.status);
    if (given.seconds) fault.seconds = Number(given.seconds);
    act(`The next call meets ${KINDS[kind]}.`, "POST", "faults", fault);
  };
  return html`
    <section class="card" aria-labelledby="faults-title">
      <h2 id="faults-title" ref=${title} tabindex="-1">Faults</h2>
      <p class="soft">Calls fail as ordered, before or after they have taken effect.</p>
      ${
        faults.length > 0 &&
        html`
        <ul class="plain faults">
          ${faults.map(
            (fault, place) => html`
            <li key=${place}>
              <span class="chip bad">${plural(fault.times, "call")}</span> ${inWords(fault)}
            </li>`,
          )}
        </ul>
        <button type="button" onClick=${allOff}>Switch all off</button>`
      }
      <form class="fields two" onSubmit=${add}>
        <label>What happens
          <select value=${kind} onChange=${(event) => setKind(event.currentTarget.value)}>
            ${Object.entries(KINDS).map(option)}
          </select>
        </label>
        ${
          kind === "status" &&
          html`
            <label>Status <input type="number" name="status" min="400" max="599" value="503" required /></label>`
        }
        ${
          kind === "delay" &&
          html`
            <label>Seconds <input type="number" name="seconds" min="0" max="3600" step="any" value="5" required /></label>`
        }
        <label>When
          <select name="when">${Object.entries(MOMENTS).map(option)}</select>
        </label>
        <label>Which calls
          <select name="path">${Object.entries(PATHS).map(option)}</select>
        </label>
        <label>How many <input type="number" name="times" min="1" max="10000" value="1" required /></label>
        <button type="submit" class="primary">Order the fault</button>
      </form>
    </section>
  `;
}

function Balance({ overview, act }) {
  const account = useContext(AccountName);
  const set = (event) => {
    event.preventDefault();
    const balance = new FormData(event.currentTarget).get("balance");
    act("The balance has been set.", "PATCH", "settings", { balance, username: account || undefined });
  };
  return html`
    <section class="card" aria-labelledby="balance-title">
      <h2 id="balance-title">Balance</h2>
      <p class="soft">
        <bdi>${overview.account}</bdi> has <${Money} amount=${overview.balance} /> ${overview.currency_name}
        ${overview.standing === "good" ? "." : `, and its standing is: ${overview.standing}.`}
      </p>
      <form class="fields line" onSubmit=${set}>
        <label>Set it to <input type="number" name="balance" min="0" step="any" required /></label>
        <button type="submit">Set</button>
      </form>
    </section>
  `;
}

function Reset({ act }) {
  const [asking, setAsking] = useState(false);
  const close = () => setAsking(false);
  const reset = async () => {
    close();
    await act("The sandbox is as at the start.", "POST", "reset");
    go("messages", "", "");
  };
  return html`
    <section class="card" aria-labelledby="reset-title">
      <h2 id="reset-title">Start over</h2>
      <p class="soft">All messages, letters, lists, rules and calls are forgotten, for every account.</p>
      <button type="button" class="danger" onClick=${() => setAsking(true)}>Reset the sandbox</button>
      ${
        asking &&
        html`
        <${Dialog} title="Reset the sandbox?" close=${close}>
          <p>Everything in it is forgotten, and there is no way back.</p>
          <div class="buttons">
            <button type="button" onClick=${close}>Cancel</button>
            <button type="button" class="danger" onClick=${reset}>Reset</button>
          </div>
        <//>`
      }
    </section>
  `;
}

/** Every call to the API, the newest first, with its request and its answer. */

import { useState } from "preact/hooks";
import { useAnswer } from "./live.js";
import { Empty, html, Listing, Search, Time, usePlace, View } from "./parts.js";

const LIMIT = 40;

export function CallsView() {
  const place = usePlace();
  const [failed, setFailed] = useState(false);
  const choose = (event) => {
    setFailed(event.currentTarget.checked);
    place.go(0);
  };
  const answer = useAnswer("calls", { q: place.q, skip: place.skip, limit: LIMIT, failed: failed ? 1 : 0 });
  const tools = html`
    <label class="check">
      <input type="checkbox" checked=${failed} onChange=${choose} />
      Only failed
    </label>
    <${Search} label="Search calls" onSearch=${place.search} />
  `;
  const empty = failed
    ? html`<${Empty} icon="calls" title="No call has failed" />`
    : html`<${Empty} icon="calls" title="No calls yet">Each appears here, with what it was answered.<//>`;
  return html`
    <${View} title="Calls" name="calls" tools=${tools}>
      <${Listing} answer=${answer} place=${place} limit=${LIMIT} what="calls" empty=${empty} list="rows calls"
        row=${(row) => html`<${Call} row=${row} key=${row.number} />`} />
    <//>
  `;
}

const FAULTS = {
  status: "wrong status",
  delay: "late",
  drop: "connection lost",
  truncate: "cut off",
  redirect: "redirected",
};

/** The result of a call in a few words. */
function outcome({ status, fault, counts }) {
  if (fault) return `${FAULTS[fault] ?? fault}${status === null ? ", without effect" : ""}`;
  if (counts && counts.accepted < counts.total) return `${counts.accepted} of ${counts.total} accepted`;
  return counts ? `${counts.accepted} accepted` : "";
}

function Call({ row }) {
  const [open, setOpen] = useState(false);
  const partly = row.counts && row.counts.accepted < row.counts.total;
  const query = new URLSearchParams(row.query).toString();
  const tone = row.failed ? "bad" : partly ? "wait" : "good";
  return html`
    <li class="call ${row.failed ? "failed" : ""}">
      <button type="button" aria-expanded=${open} onClick=${() => setOpen(!open)}>
        <span class="method">${row.method}</span>
        <span class="path">${row.path}${query && html`<span class="soft">?${query}</span>`}</span>
        <span class="soft outcome">${outcome(row)}</span>
        <span class="status ${tone}">${row.failed ? "failed " : ""}${row.status ?? "no answer"}</span>
        <${Time} at=${row.at} />
      </button>
      ${open && html`<${Detail} number=${row.number} />`}
    </li>
  `;
}

function Detail({ number }) {
  const { data, error } = useAnswer("call", { number });
  if (error) return html`<p class="problem" role="alert">${error}</p>`;
  if (!data) return null;
  return html`
    <div class="detail">
      <p class="soft">Call ${data.number} by <bdi>${data.username ?? "somebody without credentials"}</bdi></p>
      <${Body} title="Request" number=${number} body=${data.request} />
      <${Body}
        title=${data.fault ? "Answer, as it was before the fault" : "Answer"}
        number=${number}
        body=${data.answer}
      />
    </div>
  `;
}

function Body({ title, number, body }) {
  const { content, bytes, cut } = body;
  const size = `${bytes.toLocaleString()} bytes${cut ? ", of which this is the beginning" : ""}`;
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  return html`
    <section>
      <h2>${title} <span class="soft">${size}</span></h2>
      ${
        bytes
          ? html`<pre tabindex="0" role="region" aria-label="${title} of call ${number}">${text}</pre>`
          : html`<p class="soft">empty</p>`
      }
    </section>
  `;
}

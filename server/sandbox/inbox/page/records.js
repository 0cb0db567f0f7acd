/** The records of an account besides messages: letters, campaigns, contact lists, rules. */

import { useAnswer } from "./live.js";
import {
  Empty,
  Facts,
  html,
  Icon,
  Listing,
  Money,
  plural,
  RULE_ACTIONS,
  Run,
  Search,
  Status,
  Time,
  useFocusOnOpening,
  usePlace,
  View,
} from "./parts.js";
import { link } from "./route.js";

const LIMIT = 30;

/** A view that is a list with search and pages. */
function Records({ title, name, endpoint, empty, row }) {
  const place = usePlace();
  const answer = useAnswer(endpoint, { q: place.q, skip: place.skip, limit: LIMIT });
  const words = title.toLowerCase();
  const tools = html`<${Search} label="Search ${words}" onSearch=${place.search} />`;
  return html`
    <${View} title=${title} name=${name} tools=${tools}>
      <${Listing} answer=${answer} place=${place} limit=${LIMIT} what=${words} empty=${empty} row=${row} />
      ${name === "rules" && answer.data?.runs.length > 0 && html`<${Runs} runs=${answer.data.runs} />`}
    <//>
  `;
}

export const LettersView = () => html`
  <${Records} title="Letters" name="letters" endpoint="letters"
    row=${(row) => html`<${Letter} row=${row} key=${row.id} />`}
    empty=${html`<${Empty} icon="letters" title="No letters yet">They appear with their address and options.<//>`} />
`;

const OPTIONS = {
  colour: ["black and white", "colour"],
  duplex: ["one side", "both sides"],
  priority_post: ["regular post", "priority post"],
};

function Letter({ row }) {
  const { address, from } = row;
  const file = row.file_host
    ? html`
        <a href=${row.file_url} target="_blank" rel="noreferrer noopener">${row.file_url.split("/").at(-1)}</a>
        ${" at "}${row.file_host}`
    : row.file_url;
  const options = Object.entries(OPTIONS).map(([name, words]) => words[row.options[name]]);
  if (row.options.template_used) options.push("address on the template");
  return html`
    <li class="card letter">
      <div class="envelope">
        <p class="from" dir="auto">${from && [from.address_name, from.address_line_1, from.address_city].join(", ")}</p>
        <span class="stamp" aria-hidden="true">${row.options.priority_post ? "PRIORITY" : "POST"}</span>
        <address>
          ${[
            address.address_name,
            address.address_line_1,
            address.address_line_2,
            `${address.address_city} ${address.address_state} ${address.address_postal_code}`,
            address.address_country,
          ]
            .filter(Boolean)
            .map((line, place) => html`<span key=${place} dir="auto">${line}</span>`)}
        </address>
      </div>
      <p class="meta">
        <${Time} at=${row.send_at} /> <${Status} status=${row.status} /> <${Money} amount=${row.price} />
      </p>
      <${Facts} facts=${[
        ["Options", options.join(", ")],
        ["File", file],
        ["Custom", row.custom_string],
      ]} />
    </li>
  `;
}

export const CampaignsView = () => html`
  <${Records} title="Campaigns" name="campaigns" endpoint="campaigns"
    row=${(row) => html`<${Campaign} row=${row} key=${row.id} />`}
    empty=${html`<${Empty} icon="campaigns" title="No campaigns yet">One text to everybody on a list.<//>`} />
`;

const Campaign = ({ row }) => html`
  <li class="card">
    <header><h2><bdi>${row.name}</bdi></h2><${Status} status=${row.status} /></header>
    <p class="quote" dir="auto">${row.body}</p>
    <${Facts} facts=${[
      ["To", html`${plural(row.total, "contact")} of <a href=${link("lists", row.list_id)}><bdi>${row.list}</bdi></a>`],
      ["Left out", row.left_out],
      ["From", row.from || "a shared number"],
      [row.scheduled ? "Scheduled" : "Sent", html`<${Time} at=${row.send_at} />`],
      ["Link", row.url_to_shorten],
    ]} />
  </li>
`;

/** @param {{item: string}} props the id of the open list */
export const ListsView = ({ item }) =>
  item
    ? html`<${Contacts} id=${item} key=${item} />`
    : html`
  <${Records} title="Lists" name="lists" endpoint="lists"
    row=${(row) => html`<${ContactList} row=${row} key=${row.id} />`}
    empty=${html`<${Empty} icon="lists" title="No contact lists yet">They appear here with their contacts.<//>`} />
`;

const ContactList = ({ row }) => html`
  <li class="card link">
    <a href=${link("lists", row.id)}><bdi>${row.name}</bdi></a>
    <p class="soft">${plural(row.contacts, "contact")}${row.importing ? ", an import is running" : ""}</p>
  </li>
`;

const COLUMNS = {
  phone_number: "Phone",
  first_name: "First name",
  last_name: "Last name",
  email: "Email",
  custom_1: "Custom 1",
  custom_2: "Custom 2",
  custom_3: "Custom 3",
  custom_4: "Custom 4",
  organization_name: "Organisation",
  fax_number: "Fax",
  address_line_1: "Address",
  address_line_2: "Address 2",
  address_city: "City",
  address_state: "State",
  address_postal_code: "Postcode",
  address_country: "Country",
};

function Contacts({ id }) {
  const place = usePlace();
  const { data, error } = useAnswer("contacts", { id, q: place.q, skip: place.skip, limit: LIMIT });
  const heading = useFocusOnOpening();
  const empty = html`<${Empty} icon="lists" title="Nobody is on this list" />`;
  return html`
    <div class="view">
      <header class="view-head">
        <a class="back" href=${link("lists")} aria-label="Back to all lists"><${Icon} name="back" /></a>
        <div>
          <h1 ref=${heading} tabindex="-1"><bdi>${data?.list.name ?? "List"}</bdi></h1>
          <p class="soft">${data ? plural(data.list.contacts, "contact") : ""}</p>
        </div>
        <div class="tools"><${Search} label="Search contacts" onSearch=${place.search} /></div>
      </header>
      ${data?.import?.error && html`<p class="problem">The last import failed: ${data.import.error}</p>`}
      ${
        data?.import?.status === "done" &&
        data.import.rows_refused > 0 &&
        html`
        <p class="problem">
          The last import refused ${plural(data.import.rows_refused, "row")}: ${data.import.reasons.join("; ")}
        </p>`
      }
      <${Listing} answer=${{ data, error }} place=${place} limit=${LIMIT} what="contacts" empty=${empty}
        row=${(row) => html`<${Contact} row=${row} key=${row.id} />`} />
    </div>
  `;
}

function Contact({ row }) {
  const name = [row.first_name, row.last_name].filter(Boolean).join(" ");
  const shown = Object.entries(COLUMNS).filter(([field]) => !["first_name", "last_name"].includes(field));
  return html`
    <li class="card contact">
      <h2><bdi>${name || row.phone_number || row.email || row.fax_number}</bdi></h2>
      <${Facts} facts=${shown.map(([field, label]) => [label, row[field]])} />
      ${row.phone_number && html`<a class="soft" href=${link("messages", row.phone_number)}>Conversation</a>`}
    </li>
  `;
}

export const RulesView = () => html`
  <${Records} title="Rules" name="rules" endpoint="rules" row=${(row) => html`<${Rule} row=${row} key=${row.id} />`}
    empty=${html`<${Empty} icon="rules" title="No rules yet">They say what becomes of what comes in.<//>`} />
`;

const SEARCHES = ["any message", "messages that begin with", "messages that contain", "messages without"];

const Rule = ({ row }) => html`
  <li class="card">
    <header>
      <h2><bdi>${row.name}</bdi></h2>
      <span class="status ${row.enabled ? "good" : "off"}">${row.enabled ? "on" : "off"}</span>
    </header>
    ${(row.body || row.action === "AUTO_REPLY") && html`<p class="quote" dir="auto">${row.body || row.address}</p>`}
    <${Facts} facts=${[
      [
        "When",
        html`
          ${SEARCHES[row.search]}${row.search > 0 && html` “<bdi>${row.term}</bdi>”`}
          ${row.number !== "*" && html` to <bdi>${row.number}</bdi>`}`,
      ],
      ["Then", RULE_ACTIONS[row.action]],
      ["Target", row.action === "AUTO_REPLY" ? "" : row.address],
    ]} />
  </li>
`;

const Runs = ({ runs }) => html`
  <section class="runs">
    <h2>What they did last</h2>
    <ul class="plain">
      ${runs.map((run, place) => html`<li key=${place}><${Run} run=${run} /></li>`)}
    </ul>
  </section>
`;

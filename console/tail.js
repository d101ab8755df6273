// Live tail: what goes through this gateway, as it happens. It is read from the first view of it on, also while another view
// is open, so that what was sent there is here; in a hidden page for two minutes more.

import { Component, html, useEffect, useReducer, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { hasScope, onKey, stream } from "./api.js";
import { counted, link, Name, NameList, Names, Needs, Notice, number, ProblemNotice, visibleLines, visibly } from "./parts.js";

const KEPT = 500; // rows
const TURN = 250; // milliseconds between two looks at what has come
const HIDDEN_FOR = 120_000; // milliseconds that a hidden page goes on reading

// ---- What has come -------------------------------------------------------------------------------------------------

const NOTHING = { rooms: [], events: [], keys: [], statuses: [], payload: false, roomEvents: false };

/** One for the page: rows (newest first), and how the stream does. */
const tail = {
  filters: NOTHING,
  rows: [],
  waiting: [], // rows that are not shown yet, oldest first
  isPaused: false,
  state: "closed",
  problem: null,
  eventsProblem: null, // of the stream of room events
  hidden: 0, // entries that the key may not see
  serial: 0,
  ends: [], // functions that end the streams
  watchers: new Set(),
};
let isTurnDue = false;

function tellWatchers() {
  for (const watcher of tail.watchers) watcher();
}

/** Rows have a number of their own, so that the page moves them instead of writing them again. */
function take(row) {
  row.serial = ++tail.serial;
  tail.waiting.push(row);
  if (tail.waiting.length > KEPT) tail.waiting.shift();
  if (isTurnDue) return;
  isTurnDue = true;
  setTimeout(() => {
    isTurnDue = false;
    if (!tail.isPaused) show();
    tellWatchers();
  }, TURN);
}
function show() {
  tail.rows = [...tail.waiting.reverse(), ...tail.rows].slice(0, KEPT);
  tail.waiting = [];
}

function open() {
  close();
  const { rooms, events, keys, statuses, payload, roomEvents } = tail.filters;
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries({ room: rooms, event: events, key: keys, status: statuses })) {
    for (const value of values) parameters.append(name, value);
  }
  if (payload) parameters.set("payload", "true");
  tail.state = "opening";
  tail.ends.push(stream(`../v1/tail?${parameters}`, (type, data) => {
    if (type === "entry") take({ entry: data });
    else if (type === "dropped") take({ remark: `${counted(data.dropped ?? 0, "entry").replace(/entrys$/, "entries")} came faster than they were read.` });
    else if (type === "hidden") tail.hidden = data.hidden ?? 0;
  }, (state, problem) => {
    Object.assign(tail, { state, problem });
    tellWatchers();
  }));
  if (roomEvents) {
    const about = new URLSearchParams(rooms.map((room) => ["room", room]));
    tail.ends.push(stream(`../v1/events?${about}`, (type, data) => take({ event: { ...data, type } }), (_, problem) => {
      tail.eventsProblem = problem;
      tellWatchers();
    }));
  }
  tellWatchers();
}
function close() {
  for (const end of tail.ends.splice(0)) end();
  Object.assign(tail, { state: "closed", problem: null, eventsProblem: null });
}
function clear() {
  Object.assign(tail, { rows: [], waiting: [] });
  tellWatchers();
}
function filter(filters) {
  tail.filters = filters;
  open();
}

// What one key has shown is not for the next one.
onKey(() => {
  close();
  tail.filters = NOTHING;
  tail.hidden = 0;
  clear();
});

let hiding = null;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden && tail.state !== "closed") {
    hiding = setTimeout(() => {
      close();
      tail.state = "resting";
    }, HIDDEN_FOR);
  } else if (!document.hidden && tail.state === "resting") {
    take({ remark: "The page was hidden, and did not look." });
    open();
  }
});

/** The tail, which is opened by who looks at it first. */
function useTail(me) {
  const [, renew] = useReducer((count) => count + 1, 0);
  const mayRead = hasScope(me, "tail");
  useEffect(() => {
    tail.watchers.add(renew);
    if (mayRead && tail.state === "closed") open();
    return () => tail.watchers.delete(renew);
  }, [mayRead]);
  return tail;
}

// ---- The view ------------------------------------------------------------------------------------------------------

export function Tail({ me }) {
  const { rows, waiting, state, problem, eventsProblem, filters, isPaused, hidden } = useTail(me);
  const [withQuestions, setWithQuestions] = useState(false);
  const shown = withQuestions ? rows : rows.filter((row) => !isQuestion(row));
  const pause = () => {
    tail.isPaused = !tail.isPaused;
    if (!tail.isPaused) show();
    tellWatchers();
  };
  if (!hasScope(me, "tail")) return html`<h1>Live tail</h1><${Needs} me=${me} scope="tail" what="The tail" />`;
  return html`
    <h1>Live tail</h1>
    <p class="quiet">What goes through this gateway. Not seen here: other replicas of it, and what the servers emit themselves.</p>
    <${Filters} me=${me} filters=${filters} />
    <div class="row">
      <${State} state=${state} />
      <button type="button" aria-pressed=${isPaused} onClick=${pause}>${isPaused ? "Go on" : "Pause"}</button>
      <button type="button" onClick=${clear}>Clear</button>
      <label class="check"><input type="checkbox" checked=${withQuestions} onChange=${(event) => setWithQuestions(event.target.checked)} />
        Questions, too</label>
      ${isPaused && html`<span class="quiet">${number(waiting.length)} more have come</span>`}
      ${hidden > 0 && html`<span class="quiet">${number(hidden)} that this key may not see</span>`}
    </div>
    <${TailProblem} problem=${problem} />
    ${eventsProblem && html`<p class="quiet">Room events do not come: ${eventsProblem.message}</p>`}
    ${shown.length === 0 && state === "open" && html`<p class="empty">Nothing yet. <a href=${link("send")}>Send an event</a>, and it is here.</p>`}
    ${shown.length > 0 && html`<${Rows} rows=${shown} />`}`;
}

const STATES = { open: "watching", opening: "opening", waiting: "the stream has ended; again soon", refused: "not watching", closed: "not watching", resting: "resting" };
const State = ({ state }) => html`<span class=${`state ${state}`} role="status">${STATES[state]}</span>`;

function TailProblem({ problem }) {
  if (!problem || problem.status === 0) return null;
  if (problem.status !== 404) return html`<${ProblemNotice} problem=${problem} />`;
  return html`<${Notice} kind="warn"><strong>This gateway has no tail:</strong> it does not know <code>GET /v1/tail</code>.<//>`;
}

function Filters({ me, filters }) {
  const names = (label, field, placeholder) => html`<${Names} label=${label} value=${filters[field]} placeholder=${placeholder}
    onChange=${(value) => filter({ ...filters, [field]: value })} />`;
  const flag = (label, field, scope) => html`<label class="check"><input type="checkbox" checked=${filters[field]} disabled=${!hasScope(me, scope)}
    onChange=${(event) => filter({ ...filters, [field]: event.target.checked })} /> ${label}
    ${!hasScope(me, scope) && html`<small class="quiet">(needs <code>${scope}</code>)</small>`}</label>`;
  return html`<div class="filters">
    ${names("Rooms", "rooms", "user:*")}
    ${names("Events", "events", "order.*")}
    ${names("Keys", "keys", "shop")}
    ${names("Status", "statuses", "4xx")}
    <div class="checks">
      ${flag("Payloads, up to 2 KiB", "payload", "tail:payload")}
      ${flag("Room events of the servers", "roomEvents", "events:read")}
    </div>
  </div>`;
}

const Rows = ({ rows }) => html`<div class="wide"><table class="tail">
  <thead><tr><th>Time</th><th>What</th><th>For</th><th>Key</th><th>What became of it</th><th class="right">ms</th><th class="right">Bytes</th></tr></thead>
  <tbody>${rows.map((row) => html`<${Row} key=${row.serial} row=${row} />`)}</tbody>
</table></div>`;

/** The newest few, for the view that sends. */
export function LastEntries({ me, count }) {
  const { rows, state } = useTail(me);
  const shown = rows.filter((row) => row.entry && !isQuestion(row) && !row.entry.dryRun).slice(0, count);
  if (!hasScope(me, "tail") || state === "refused") return null;
  return html`<section>
    <h2>Through this gateway, newest first</h2>
    ${shown.length === 0 ? html`<p class="quiet">Nothing yet.</p>` : html`<${Rows} rows=${shown} />`}
    <p><a href=${link("tail")}>All of the live tail</a></p>
  </section>`;
}

// ---- One row -------------------------------------------------------------------------------------------------------

class Row extends Component {
  // A row never changes but when it is opened.
  shouldComponentUpdate(next, { isOpen }) {
    return next.row !== this.props.row || isOpen !== this.state.isOpen;
  }

  render({ row }, { isOpen = false }) {
    if (row.remark) return html`<tr class="remark"><td colspan="7">${row.remark}</td></tr>`;
    if (row.event) return html`<${RoomEvent} event=${row.event} />`;
    const { entry } = row;
    return html`<tr class=${`entry ${kindOf(entry)}`}>
        <td data-label="Time"><button type="button" class="link" aria-expanded=${isOpen} onClick=${() => this.setState({ isOpen: !isOpen })}>${clock(entry.time)}</button></td>
        <td data-label="What"><${What} entry=${entry} /></td>
        <td data-label="For"><${Whom} entry=${entry} /></td>
        <td data-label="Key">${entry.key ? html`<${Name} of=${entry.key} />` : ""}</td>
        <td data-label="What became of it"><span class="status">${entry.status ?? ""}</span> ${outcome(entry)}</td>
        <td data-label="ms" class="right">${entry.ms?.toFixed(1) ?? ""}</td>
        <td data-label="Bytes" class="right">${entry.bytes === undefined ? "" : number(entry.bytes)}</td>
      </tr>
      ${isOpen && html`<tr class="more"><td colspan="7"><${More} entry=${entry} /></td></tr>`}`;
  }
}

const QUESTIONS = ["POST /v1/sockets/query", "POST /v1/counts"];
/** What was only asked, this page's own questions too, and answered. */
const isQuestion = ({ entry }) =>
  entry !== undefined && entry.kind === undefined && entry.delivery === undefined && (entry.status ?? 200) < 400
  && (QUESTIONS.includes(entry.route) || /^(GET|HEAD|OPTIONS) /.test(entry.route ?? ""));

const clock = (instant) => {
  const date = new Date(instant);
  return Number.isNaN(date.getTime()) ? "" : `${date.toLocaleTimeString("sv")}.${String(date.getMilliseconds()).padStart(3, "0")}`;
};

function What({ entry }) {
  if (entry.event !== undefined) return html`<strong><${Name} of=${entry.event} /></strong>`;
  if (entry.kind) return entry.kind;
  if (entry.hook) return html`webhook <${Name} of=${entry.hook} />`;
  return html`<${Name} of=${entry.route ?? ""} />`;
}

function Whom({ entry }) {
  const { namespace, rooms = [], except = [], target = [], socket, event } = entry;
  const isForEveryone = event !== undefined && rooms.length === 0 && entry.kind !== "servers";
  return html`
    ${namespace && namespace !== "/" && html`<${Name} of=${namespace} />${" "}`}
    ${socket && html`<${Name} of=${socket} />${" "}`}
    ${target.length > 0 && html`<${NameList} of=${target} />${rooms.length > 0 ? " → " : ""}`}
    ${isForEveryone ? html`<em>everyone</em>` : html`<${NameList} of=${rooms} none="" />`}
    ${except.length > 0 && html`${" "}<span class="quiet">but not <${NameList} of=${except} /></span>`}`;
}

const REASONS = {
  no_exchange: "the exchange does not exist", no_server: "no server listens", no_member: "the rooms are empty",
  no_namespace: "no server has the namespace",
};
const DELIVERIES = { duplicate: "came before", challenge: "asked whether this is the address" };

/** In words, and short. */
function outcome(entry) {
  const { code, dryRun, routed, reason, delivery, condition, items, confirmed, failed, outcome: more } = entry;
  if (items !== undefined) return `${number(confirmed ?? 0)} of ${counted(items, "item")}${failed ? `, ${number(failed)} failed` : ""}`;
  if (code) return html`<${Name} of=${code} />`;
  if (dryRun) return "dry run";
  if (delivery === "ignored") return html`ignored${condition && html`: <${Name} of=${condition} />`}`;
  if (DELIVERIES[delivery]) return DELIVERIES[delivery];
  if (routed === false) return `nobody: ${REASONS[reason] ?? reason ?? "no server"}`;
  if (routed === true) return "to servers";
  return more ? visibly(more) : routed === null ? "confirmed" : "";
}
const kindOf = ({ status = 200, routed, delivery, failed }) =>
  status >= 400 || failed > 0 ? "failed" : routed === false ? "nobody" : delivery === "ignored" || delivery === "duplicate" ? "passed" : "done";

/** All that is known of an entry. */
function More({ entry }) {
  const { payload, ...rest } = entry;
  return html`<dl class="pairs">
    ${Object.entries(rest).map(([name, value]) => html`<div key=${name}><dt>${visibly(name)}</dt><dd><${Name} of=${typeof value === "string" ? value : JSON.stringify(value)} /></dd></div>`)}
  </dl>
  ${payload !== undefined && html`<pre class="json" tabindex="0" aria-label="Payload">${visibleLines(String(payload))}</pre>`}`;
}

/** From `GET /v1/events`: what the servers tell of rooms and sockets. */
const RoomEvent = ({ event }) => html`<tr class="event">
  <td data-label="Time">${clock(event.time)}</td>
  <td data-label="What"><${Name} of=${event.type} /></td>
  <td data-label="For">${event.namespace && event.namespace !== "/" && html`<${Name} of=${event.namespace} />${" "}`}
    ${[event.room, event.socket].filter((one) => one !== undefined).map((one, index) => html`${index > 0 && ", "}<${Name} of=${one} />`)}</td>
  <td></td>
  <td data-label="What became of it">${event.reason !== undefined && html`<${Name} of=${event.reason} />`}</td>
  <td></td><td></td>
</tr>`;

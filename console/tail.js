// Live tail: what goes through this gateway. It is read from the first look on, also behind another view, so that what
// was sent there is here; in a hidden page for two minutes more.

import { happenings, may, stream } from "./api.js";
import {
  block, check, counted, html, link, list, NamesField, Notice, number, REASONS, safe, scoped, table, trouble, useEffect, useReducer, useState,
  visibly,
} from "./parts.js";

const KEPT = 500; // rows
const TURN = 250; // milliseconds between two looks at what has come
const HIDDEN_FOR = 120_000; // milliseconds

const NO_FILTER = { room: [], event: [], key: [], status: [], payload: false, roomEvents: false };

/** Rows are entries, room events (with a `type`) and remarks; those that `waiting` has are not shown yet. */
const tail = { filter: NO_FILTER, rows: [], waiting: [], isPaused: false, state: "", problem: null, hidden: 0 };
const changes = new EventTarget();
function tell(change) {
  Object.assign(tail, change);
  changes.dispatchEvent(new Event("change"));
}

let serial = 0;
let turn = 0;
function take(row) {
  tail.waiting = [{ ...row, serial: ++serial }, ...tail.waiting].slice(0, KEPT);
  turn ||= setTimeout(() => {
    turn = 0;
    tell(tail.isPaused ? {} : all());
  }, TURN);
}
const all = () => ({ rows: [...tail.waiting, ...tail.rows].slice(0, KEPT), waiting: [] });

const clear = () => tell({ rows: [], waiting: [], hidden: 0 });

let ends = []; // of the streams
function open(filter = tail.filter) {
  close();
  if (filter !== tail.filter) clear();
  tell({ filter, state: "opening" });
  const { roomEvents, ...tailed } = filter;
  const query = (of) => new URLSearchParams(Object.entries(of).flatMap(([name, values]) => [values].flat().map((value) => [name, value])));
  ends = [stream(`v1/tail?${query(tailed)}`, (type, data) => {
    if (type === "entry") take(data);
    if (type === "dropped") take({ remark: `${counted(data.dropped, "entry")} came faster than they were read` });
    if (type === "hidden") tell({ hidden: data.hidden });
  }, (state, problem) => tell({ state, problem }))];
  if (roomEvents) {
    ends.push(stream(`v1/events?${query({ room: tailed.room })}`, (type, data) => take({ ...data, type }),
      (_, problem) => problem && take({ remark: `No room events: ${problem.message}` })));
  }
}
function close() {
  for (const end of ends) end();
  ends = [];
  tell({ state: "", problem: null });
}

// What one key has shown is not for the next.
happenings.addEventListener("key", () => {
  close();
  clear();
  tell({ filter: NO_FILTER });
});

let rest;
document.addEventListener("visibilitychange", () => {
  clearTimeout(rest);
  if (document.hidden && tail.state) rest = setTimeout(() => (close(), tell({ state: "resting" })), HIDDEN_FOR);
  if (!document.hidden && tail.state === "resting") open();
});

export function useTail() {
  const [, renew] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    changes.addEventListener("change", renew);
    if (may("tail") && ["", "refused"].includes(tail.state)) open();
    return () => changes.removeEventListener("change", renew);
  }, []);
  return tail;
}

export const Tail = () => html`<p class="quiet">What goes through this gateway. Not seen are other replicas of it, and what servers emit themselves.</p>
  ${scoped("tail", "The tail", html`<${Watch} />`)}`;

const STATES = { open: "watching", waiting: "again soon", refused: "not watching" };

function Watch() {
  const { rows, waiting, state, problem, filter, isPaused, hidden } = useTail();
  const [withDryRuns, setWithDryRuns] = useState(false);
  const wanted = rows.filter(({ dryRun }) => withDryRuns || !dryRun);
  const names = (field, label, placeholder) => html`<${NamesField} label=${label} value=${filter[field]} placeholder=${placeholder}
    onChange=${(value) => open({ ...filter, [field]: value })} />`;
  const flag = (field, scope, label) => check(may(scope) ? label : `${label} (needs ${scope})`, filter[field],
    (value) => open({ ...filter, [field]: value }), !may(scope));
  return html`<div class="filters">
      ${names("room", "Rooms", "user:*")}${names("event", "Events", "order.*")}
      ${names("key", "Keys", "shop")}${names("status", "Status", "4xx")}</div>
    <div class="row">${flag("payload", "tail:payload", "Payloads, up to 2 KiB")}${flag("roomEvents", "events:read", "Room events")}
      ${check("Dry runs", withDryRuns, setWithDryRuns)}</div>
    <div class="row"><span class=${`state ${state}`} role="status">● ${STATES[state] ?? "…"}</span>
      <button aria-pressed=${`${isPaused}`} onClick=${() => tell({ isPaused: !isPaused, ...(isPaused && all()) })}>Pause</button>
      <button onClick=${clear}>Clear</button>
      <span class="quiet">${isPaused && `${number(waiting.length)}${waiting.length < KEPT ? "" : " or more"} have come. `}
        ${hidden > 0 && `${counted(hidden, "entry")} that this key may not see.`}</span></div>
    ${problem?.status === 404 ? html`<${Notice} kind="warn"><strong>This gateway has no tail:</strong> it does not know <code>GET /v1/tail</code>.<//>`
      : trouble(problem)}
    ${wanted.length > 0 ? listed(wanted) : html`<p class="quiet">Nothing yet. <a href=${link("send")}>Send an event</a>, and it is here.</p>`}`;
}

/** A row is written once. */
const listed = (rows) => table(["Time", "What", "For", "Key", "What became of it", "ms", "Bytes"],
  rows.map((row) => (row.shown ??= html`<${Row} key=${row.serial} row=${row} />`)), "tail");

const clock = (date) => new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(11, 23);

function Row({ row }) {
  const [isOpen, setIsOpen] = useState(false);
  const { serial, shown, remark, payload, ...known } = row;
  if (remark) return html`<tr class="passed"><td colspan="7">${remark}</td></tr>`;
  const { time, key, status, ms, bytes } = row;
  return html`<tr class=${kindOf(row)}>
      <td><button class="link" aria-expanded=${isOpen} onClick=${() => setIsOpen(!isOpen)}>${clock(new Date(time))}</button></td>
      <td>${what(row)}</td>
      <td>${whom(row)}</td>
      <td>${key && safe(key)}</td>
      <td><b>${status}</b> ${outcome(row)}</td>
      <td>${ms?.toFixed(1)}</td>
      <td>${bytes !== undefined && number(bytes)}</td></tr>
    ${isOpen && html`<tr><td colspan="7">${block(known, "All that is known")}${payload !== undefined && block(payload, "Payload")}</td></tr>`}`;
}

const what = ({ event, type, kind, hook, path, route }) =>
  event === undefined ? safe(type ?? (hook ? `hook ${hook}` : kind ?? path ?? route)) : html`<strong>${safe(event)}</strong>`;

function whom({ event, kind, namespace, room, rooms = [], except = [], target = [], socket }) {
  const from = [namespace, socket, ...target].filter((one) => one && one !== "/");
  const to = room === undefined ? rooms : [room];
  return html`${list(from, "")}${from.length > 0 && to.length > 0 && ": "}
    ${list(to, event !== undefined && kind !== "servers" && " everyone")}
    ${except.length > 0 && html` but not ${list(except)}`}`;
}

function outcome({ code, dryRun, routed, reason, delivery, condition, items, confirmed, failed, outcome: more }) {
  if (items !== undefined) return `${number(confirmed ?? 0)} of ${counted(items, "item")}${failed ? `, ${failed} failed` : ""}`;
  if (dryRun) return "dry run";
  if (delivery && delivery !== "emitted") return safe(condition ? `${delivery}: ${condition}` : delivery);
  if (routed === false) return `nobody: ${REASONS[reason] ?? "no server"}`;
  return safe(code ?? more ?? (routed ? "to servers" : routed === null ? "confirmed" : reason ?? ""));
}
const kindOf = ({ status, routed, delivery = "emitted", failed, type }) =>
  status >= 400 || failed > 0 ? "failed" : routed === false ? "nobody" : delivery !== "emitted" || type ? "passed" : "";

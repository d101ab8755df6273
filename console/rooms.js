// Rooms and sockets: which there are, and what is done to them. Lists come in pages, when asked for; only
// the counts of the rooms on the page are renewed.

import { firstPrefix, get, may, mayReachAll, me, post, question, repeat } from "./api.js";
import {
  ADVICE, block, counted, html, incomplete, link, list, NamesField, Namespace, Notice, number, offer, pairs, roomLink, safe, scoped, table, Text, trouble,
  Twice, typed, useAnswer, useEffect, useNamespaces, useState,
} from "./parts.js";

const PAGE = 50;
const goTo = (shown) => (location.hash = link("rooms", shown));

export function Rooms({ shown, address }) {
  const [namespaces] = useNamespaces();
  const namespace = shown.get("namespace") ?? (me.namespaces.includes("*") ? "/" : me.namespaces.find((one) => !one.includes("*")) ?? "/");
  const chosen = chosenBy(shown);
  const isUnknown = namespaces.length > 0 && !namespaces.includes(namespace);
  return html`<${Finder} key=${namespace} namespace=${namespace} namespaces=${namespaces} />
    ${isUnknown && html`<${Notice} kind="warn"><strong>No server has this namespace.</strong> ${offer(namespaces, (namespace) => goTo({ namespace }))}<//>`}
    <div class=${`split rooms-and ${chosen && "chosen"}`}>
      <div class="list">${scoped("rooms:read", "The list of rooms", html`<${List} key=${namespace} namespace=${namespace} chosen=${chosen} />`)}</div>
      <div>${chosen ? html`<a class="back" href=${link("rooms", { namespace })}>← All rooms</a>
        <${chosen.socket ? Socket : Room} key=${address} namespace=${namespace} ...${chosen} />`
        : html`<p class="quiet">Choose a room to see who is in it.</p>`}</div>
    </div>`;
}

/** A socket, a room, or every socket: `room` is null then. */
function chosenBy(shown) {
  if (shown.has("socket")) return { socket: shown.get("socket") };
  if (shown.has("number")) return { room: Number(shown.get("number")) };
  return shown.has("room") || shown.has("all") ? { room: shown.get("room") } : null;
}

function Finder({ namespace, namespaces }) {
  const [name, setName] = useState(namespace);
  const [id, setId] = useState("");
  const find = (event) => {
    event.preventDefault();
    goTo({ namespace: name, ...(id && { socket: id.trim() }) });
  };
  return html`<form class="row" onSubmit=${find}>
    <${Namespace} value=${name} known=${namespaces} onChange=${setName} />
    ${may("sockets:read") && html`<${Text} label="Socket by its id" value=${id} onChange=${setId} />`}
    <button>Find</button></form>`;
}

/** A list in pages; `ask` gets the cursor of one. */
function usePages(ask) {
  const [cursors, setCursors] = useState([]); // of the pages up to this one
  const { run, busy, value, problem } = useAnswer();
  const again = () => run(() => ask(cursors.length > 0 && { cursor: cursors.at(-1) }));
  const next = value?.nextCursor;
  const turn = (cursors.length > 0 || next) && html`<div class="row">
    <button disabled=${cursors.length === 0} onClick=${() => setCursors(cursors.slice(0, -1))}>← Previous</button>
    <button disabled=${!next} onClick=${() => setCursors([...cursors, next])}>Next →</button></div>`;
  const refresh = html`<button onClick=${again} disabled=${busy}>Refresh</button>`;
  return { value, cursors, setCursors, again, turn, refresh, notices: html`${trouble(problem)}${incomplete(value)}` };
}

function List({ namespace, chosen }) {
  const [prefix, setPrefix] = useState(firstPrefix);
  const [counts, setCounts] = useState(null);
  const { value, cursors, setCursors, again, turn, refresh, notices } = usePages((cursor) => get("v1/rooms", { namespace, limit: PAGE, prefix, ...cursor }));
  useEffect(() => {
    const typing = setTimeout(again, 250);
    return () => clearTimeout(typing);
  }, [prefix, cursors]);
  useEffect(() => {
    setCounts(null);
    return value && (mayReachAll() || value.rooms[0]) && repeat(100, async (isWanted) => {
      const answer = await question(isWanted, () => post("v1/counts", { namespace, rooms: value.rooms.map(({ room }) => room) }));
      if (answer && isWanted()) setCounts(answer);
    });
  }, [value]);
  const now = ({ room, sockets }) => (typeof room === "number" ? counts?.numbers : counts?.rooms)?.[room] ?? sockets;
  const row = (room, text, count) => html`<tr key=${`${typeof room} ${room}`} aria-current=${chosen?.room === room ? "true" : null}>
    <td><a href=${roomLink("rooms", namespace, room)}>${text}</a></td><td>${number(count)}</td></tr>`;
  const begin = (text) => {
    setPrefix(text);
    setCursors([]);
  };
  return html`<div class="row">
      <input type="search" aria-label="Rooms that begin with" placeholder="Rooms that begin with …" value=${prefix} onInput=${typed(begin)} />${refresh}</div>
    ${!mayReachAll() && html`<p class="quiet">This key may name ${list(me.rooms)}.</p>`}
    ${notices}
    ${value && html`${table(["Room", "Sockets"], [mayReachAll() && row(null, "Every socket", counts?.sockets ?? "…"),
        ...value.rooms.map((entry) => row(entry.room, safe(entry.room), now(entry)))], "rooms")}
      ${value.rooms.length === 0 && "There is no such room."}
      ${turn}`}`;
}

/** A socket is in the room of its own id, too. */
const others = ({ id, rooms = [] }) => rooms.filter((room) => room !== id);

function Room({ namespace, room }) {
  const whom = room === null ? { all: true } : { in: [room] };
  const { value, cursors, again, turn, refresh, notices } = usePages((cursor) =>
    post("v1/sockets/query", { namespace, limit: PAGE, ...(room !== null && whom), ...cursor }));
  useEffect(() => void (may("sockets:read") && again()), [cursors]);
  return html`<h2>${room === null ? html`Every socket of ${safe(namespace)}` : html`Room ${safe(room)}`}</h2>
    <div class="row"><a class="button" href=${roomLink("send", namespace, room)}>Send to ${room === null ? "everyone" : "this room"}</a>
      ${refresh}</div>
    ${scoped("sockets:read", "Who is in a room", html`${notices}
      ${value?.sockets.length === 0 && html`<${Notice} kind="warn"><strong>Nobody is in it.</strong> ${ADVICE.no_member}<//>`}
      ${value?.sockets.length > 0 && table(["Socket", "Rooms", "Data"], value.sockets.map((socket) => [
        socket.id, html`<a href=${link("rooms", { namespace, socket: socket.id })}>${safe(socket.id)}</a>`, list(others(socket)),
        html`<span class="cut">${safe(JSON.stringify(socket.data ?? null))}</span>`,
      ]))}
      ${turn}`)}
    <${Changes} whom=${{ namespace, ...whom }} who=${room === null ? "every socket" : "all in this room"} onDone=${again} />`;
}

function Socket({ namespace, socket: id }) {
  const { run, value, problem } = useAnswer();
  const ask = () => run(() => get(`v1/sockets/${encodeURIComponent(id)}`, { namespace }));
  useEffect(() => void (may("sockets:read") && ask()), []);
  return html`<h2>Socket ${safe(id)}</h2>
    ${scoped("sockets:read", "What is known of a socket", html`${trouble(problem)}
      ${value && html`<div class="row"><a class="button" href=${roomLink("send", namespace, id)}>Send to this socket</a></div>
        ${pairs({
          Server: safe(value.server),
          Rooms: others(value).map((room) => html`<a class="chip" href=${roomLink("rooms", namespace, room)}>${safe(room)}</a>`),
          Data: block(value.data ?? null, "Data"),
        })}`}`)}
    <${Changes} whom=${{ namespace, in: [id] }} who="this socket" onDone=${(what) => (what === "disconnect" ? run(async () => {}) : ask())} />`;
}

/** What is done to the sockets in `whom`, whom people know as `who`. */
function Changes({ whom, who, onDone }) {
  const [rooms, setRooms] = useState([]);
  const { run, value, problem, busy } = useAnswer();
  const change = async (what, body) => {
    if (await run(async () => ({ what, ...await post(`v1/sockets/${what}`, { ...whom, ...body }) }))) onDone(what);
  };
  const button = (what, label) => html`<button disabled=${busy} onClick=${() => change(what, { rooms })}>${label}</button>`;
  return html`<section class="card"><h2>Change ${who}</h2>
    ${scoped("rooms:write", "Joining and leaving", html`
      <${NamesField} label="Rooms to join or leave" value=${rooms} onChange=${setRooms} placeholder="A room, then Enter" error=${problem?.at("rooms")} />
      <div class="row">${button("join", "Join")}${button("leave", "Leave")}</div>`)}
    ${scoped("sockets:disconnect", "Disconnecting", html`<${Twice} label=${`Disconnect ${who}`} onConfirm=${() => change("disconnect")} />`)}
    ${trouble(problem)}${incomplete(value)}
    ${value && html`<${Notice} kind=${value.matched > 0 ? "good" : "warn"}>
      <strong>Done${value.matched === null ? "; no server says how often" : `: ${counted(value.matched, "socket")}`}.</strong>
      ${value.what === "disconnect" && " Clients may come back by themselves, with another id."}<//>`}</section>`;
}

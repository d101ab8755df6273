// Rooms and sockets: which rooms there are, who is in one, and what is done to sockets. Lists come in pages, when asked for;
// only the counts of the rooms on the page are renewed.

import { html, useEffect, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, fits, hasScope, mayReachAll, Problem, question, repeat } from "./api.js";
import {
  Code, counted, Field, Incomplete, Json, link, Name, NameList, Names, Namespace, Needs, Notice, number, ProblemNotice, roomParameter,
  Scoped, Twice, useAnswer, useNamespaces,
} from "./parts.js";

const PAGE = 50;

export function Rooms({ me, shown, address }) {
  const namespace = shown.get("namespace") ?? (me.namespaces.includes("*") || fits(me.namespaces, "/") ? "/" : me.namespaces[0]);
  const { namespaces } = useNamespaces(me);
  const chosen = selection(shown);
  return html`
    <h1>Rooms and sockets</h1>
    <${Finder} namespace=${namespace} namespaces=${namespaces} me=${me} />
    <div class=${chosen ? "split chosen" : "split"}>
      <div class="list"><${RoomList} key=${namespace} me=${me} namespace=${namespace} chosen=${chosen} /></div>
      <div class="detail">
        ${chosen && html`<a class="back" href=${link("rooms", { namespace })}>← All rooms</a>`}
        ${!chosen && html`<p class="quiet">Choose a room to see who is in it.</p>`}
        ${chosen?.socket && html`<${Socket} key=${address} me=${me} namespace=${namespace} id=${chosen.socket} />`}
        ${chosen && !chosen.socket && html`<${Room} key=${address} me=${me} namespace=${namespace} room=${chosen.room} />`}
      </div>
    </div>`;
}

/** What the address names: a socket, a room, or every socket (`room` is null then). */
function selection(shown) {
  if (shown.has("socket")) return { socket: shown.get("socket") };
  if (shown.has("number")) return { room: Number(shown.get("number")) };
  if (shown.has("room")) return { room: shown.get("room") };
  return shown.has("all") ? { room: null } : null;
}

const goTo = (shown) => {
  location.hash = link("rooms", shown);
};

/** The namespace, and one socket by its id. */
function Finder({ me, namespace, namespaces }) {
  const [typed, setTyped] = useState(namespace);
  const [id, setId] = useState("");
  useEffect(() => setTyped(namespace), [namespace]);
  const move = (text) => {
    setTyped(text);
    if (namespaces?.includes(text)) goTo({ namespace: text });
  };
  const find = (event) => {
    event.preventDefault();
    if (id.trim() !== "") goTo({ namespace: typed, socket: id.trim() });
    else if (typed !== namespace) goTo({ namespace: typed });
  };
  return html`<form class="row finder" onSubmit=${find}>
    <${Namespace} value=${typed} onChange=${move} known=${namespaces} />
    ${hasScope(me, "sockets:read") && html`<${Field} label="Socket by its id">
      ${(attributes) => html`<input ...${attributes} value=${id} spellcheck="false" autocomplete="off" placeholder="Zk3vWq0d7pXy5TnBAAAB"
        onInput=${(event) => setId(event.target.value)} />`}
    <//>`}
    <button type="submit">Find</button>
    ${namespaces?.length > 0 && !namespaces.includes(namespace) && html`<${Notice} kind="warn">
      No server has the namespace <${Name} of=${namespace} />. There ${namespaces.length === 1 ? "is" : "are"}${" "}
      ${namespaces.map((one) => html`<a class="chip" key=${one} href=${link("rooms", { namespace: one })}><${Name} of=${one} /></a>`)}<//>`}
  </form>`;
}

// ---- The list of rooms ---------------------------------------------------------------------------------------------

/** For a key that may not list all rooms, its first glob with an end says where to begin. */
const firstPrefix = (me) => (mayReachAll(me) ? "" : (me.rooms.find((glob) => /^[^*]+\*$/.test(glob)) ?? "").slice(0, -1));
const idOf = (room) => `${typeof room} ${room}`;

function RoomList({ me, namespace, chosen }) {
  const [sought, setSought] = useState({ prefix: firstPrefix(me), isPrivate: false, cursors: [] });
  const [counts, setCounts] = useState(null);
  const page = useAnswer();
  const mayRead = hasScope(me, "rooms:read");
  const { prefix, isPrivate, cursors } = sought;

  const ask = () => page.run(() => {
    const parameters = new URLSearchParams({ namespace, limit: PAGE });
    if (prefix) parameters.set("prefix", prefix);
    if (isPrivate) parameters.set("private", "true");
    if (cursors.length > 0) parameters.set("cursor", cursors.at(-1));
    return call("GET", `../v1/rooms?${parameters}`);
  });
  useEffect(() => {
    if (!mayRead) return undefined;
    const typing = setTimeout(ask, 250);
    return () => clearTimeout(typing);
  }, [prefix, isPrivate, cursors.at(-1), mayRead]);

  const rooms = page.value?.rooms ?? [];
  const listed = rooms.map(({ room }) => idOf(room)).join("\n");
  useEffect(() => {
    if (page.value === null) return undefined;
    setCounts(null);
    return repeat(100, async (isWanted) => {
      try {
        const body = { namespace, rooms: rooms.map(({ room }) => room) };
        const answer = await question(isWanted, () => call("POST", "../v1/counts", body));
        if (answer && isWanted()) setCounts(answer);
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem; // the list stays as it was
      }
    });
  }, [listed, page.value]);
  const now = ({ room, sockets }) => {
    const counted = counts && (typeof room === "number" ? counts.numbers : counts.rooms);
    return counted && Object.hasOwn(counted, room) ? counted[room] : sockets;
  };

  if (!mayRead) return html`<${Needs} me=${me} scope="rooms:read" what="The list of rooms" />`;
  const isChosen = (room) => (chosen && !chosen.socket && chosen.room === room ? "true" : null);
  return html`
    <div class="row">
      <input type="search" aria-label="Rooms that begin with" placeholder="Rooms that begin with …" value=${prefix} spellcheck="false"
        onInput=${(event) => setSought({ ...sought, prefix: event.target.value, cursors: [] })} />
      <button type="button" onClick=${ask} disabled=${page.busy}>Refresh</button>
    </div>
    <label class="check"><input type="checkbox" checked=${isPrivate} onChange=${(event) => setSought({ ...sought, isPrivate: event.target.checked, cursors: [] })} />
      Each socket's own room, too</label>
    ${!mayReachAll(me) && html`<p class="quiet">This key may name${" "}
      ${me.rooms.map((glob) => html`<button type="button" class="chip" key=${glob} onClick=${() => chooseGlob(glob)}><${Name} of=${glob} /></button>`)}</p>`}
    <${ProblemNotice} problem=${page.problem} />
    <${Incomplete} answer=${page.value} />
    ${page.value && html`
      <table class="rooms" aria-busy=${page.busy}>
        <thead><tr><th>Room</th><th class="right">Sockets</th></tr></thead>
        <tbody>
          ${mayReachAll(me) && cursors.length === 0 && prefix === "" && html`<tr key="all" aria-selected=${isChosen(null)}>
            <td><a href=${link("rooms", { namespace, all: "true" })}>Every socket</a></td>
            <td class="right">${counts?.sockets != null ? number(counts.sockets) : "…"}</td></tr>`}
          ${rooms.map((entry) => html`<tr key=${idOf(entry.room)} aria-selected=${isChosen(entry.room)}>
            <td><a href=${link("rooms", { namespace, ...roomParameter(entry.room) })}><${Name} of=${entry.room} /></a></td>
            <td class=${now(entry) === 0 ? "right quiet" : "right"}>${number(now(entry))}</td></tr>`)}
        </tbody>
      </table>
      ${rooms.length === 0 && html`<p class="quiet">${prefix ? "No room begins so." : "No room has a socket."}</p>`}
      <${Pages} page=${page} cursors=${cursors} onMove=${(moved) => setSought({ ...sought, cursors: moved })} />`}`;

  function chooseGlob(glob) {
    if (!glob.includes("*")) goTo({ namespace, room: glob });
    else setSought({ ...sought, prefix: glob.slice(0, glob.indexOf("*")), cursors: [] });
  }
}

/** `cursors` of the pages behind the first, up to the one that is shown. */
const Pages = ({ page, cursors, onMove }) =>
  (cursors.length > 0 || page.value.nextCursor !== null) && html`<div class="row pages">
    <button type="button" disabled=${page.busy || cursors.length === 0} onClick=${() => onMove(cursors.slice(0, -1))}>← Previous</button>
    <span class="quiet">page ${number(cursors.length + 1)}</span>
    <button type="button" disabled=${page.busy || page.value.nextCursor === null}
      onClick=${() => onMove([...cursors, page.value.nextCursor])}>Next →</button>
  </div>`;

// ---- One room ------------------------------------------------------------------------------------------------------

/** `room` is null for every socket of the namespace. */
function Room({ me, namespace, room }) {
  const [cursors, setCursors] = useState([]);
  const page = useAnswer();
  const mayRead = hasScope(me, "sockets:read");
  const ask = () => mayRead && page.run(() => call("POST", "../v1/sockets/query", {
    namespace, ...(room === null ? {} : { rooms: [room] }), fields: ["rooms", "data"], limit: PAGE,
    ...(cursors.length > 0 ? { cursor: cursors.at(-1) } : {}),
  }));
  useEffect(() => {
    ask();
  }, [cursors.at(-1)]);
  const sockets = page.value?.sockets ?? [];
  return html`
    <h2>${room === null ? html`Every socket of <${Name} of=${namespace} />` : html`Room <${Name} of=${room} />`}</h2>
    <div class="row">
      ${hasScope(me, "emit") && html`<a class="button" href=${link("send", { namespace, ...(room === null ? {} : roomParameter(room)) })}>
        Send to ${room === null ? "everyone" : "this room"}</a>`}
      ${mayRead && html`<button type="button" onClick=${ask} disabled=${page.busy}>Refresh</button>`}
    </div>
    <${Scoped} me=${me} scope="sockets:read" what="Seeing who is in a room">
      <${ProblemNotice} problem=${page.problem} />
      <${Incomplete} answer=${page.value} />
      ${page.value && sockets.length === 0 && html`<${Notice}><strong>Nobody is in it.</strong> Names are exact: <code>Orders</code> is
        not <code>orders</code>, and the number 42 is not the text 42. A room in another namespace is another room.<//>`}
      ${sockets.length > 0 && html`<div class="wide"><table>
        <thead><tr><th>Socket</th><th>Rooms</th><th>Data</th></tr></thead>
        <tbody>${sockets.map((socket) => html`<tr key=${socket.id}>
          <td><a href=${link("rooms", { namespace, socket: socket.id })}><${Name} of=${socket.id} /></a></td>
          <td><${NameList} of=${others(socket)} none=${html`<span class="quiet">none</span>`} /></td>
          <td><span class="cut"><${Name} of=${socket.data == null ? "" : JSON.stringify(socket.data)} /></span></td>
        </tr>`)}</tbody>
      </table></div>`}
      ${page.value && html`<${Pages} page=${page} cursors=${cursors} onMove=${setCursors} />`}
    <//>
    <${Changes} me=${me} namespace=${namespace} whom=${room === null ? { all: true } : { in: [room] }}
      who=${room === null ? "every socket" : "all in this room"} onDone=${ask} />`;
}
/** A socket is in the room of its own id, too. */
const others = ({ id, rooms }) => (rooms ?? []).filter((room) => room !== id);

// ---- One socket ----------------------------------------------------------------------------------------------------

function Socket({ me, namespace, id }) {
  const found = useAnswer();
  const [isGone, setIsGone] = useState(false);
  const mayHandshake = hasScope(me, "sockets:handshake");
  const ask = (fields = "rooms,data") =>
    found.run(() => call("GET", `../v1/sockets/${encodeURIComponent(id)}?${new URLSearchParams({ namespace, fields })}`));
  useEffect(() => {
    if (hasScope(me, "sockets:read")) ask();
  }, []);
  const socket = found.value;
  return html`
    <h2>Socket <${Name} of=${id} /></h2>
    <${Scoped} me=${me} scope="sockets:read" what="Seeing a socket">
      ${isGone && html`<${Notice} kind="good"><strong>Disconnected.</strong> Clients may come back by themselves, with another id.<//>`}
      ${!isGone && html`<${ProblemNotice} problem=${found.problem} />`}
      ${!isGone && found.problem?.status === 404 && html`<p class="quiet">It may have left, or be in another namespace than <${Name} of=${namespace} />.</p>`}
      ${socket && !isGone && html`
        <div class="row">
          ${hasScope(me, "emit") && html`<a class="button" href=${link("send", { namespace, room: id })}>Send to this socket</a>`}
          <button type="button" onClick=${() => ask()} disabled=${found.busy}>Refresh</button>
          ${mayHandshake && !socket.handshake && html`<button type="button" onClick=${() => ask("rooms,data,handshake")}>Handshake</button>`}
        </div>
        <dl class="pairs">
          <div><dt>Server</dt><dd><${Name} of=${socket.server} /></dd></div>
          <div><dt>Rooms</dt><dd>${others(socket).length === 0 && html`<span class="quiet">none but its own</span>`}
            ${others(socket).map((room) => html`<a class="chip" key=${idOf(room)} href=${link("rooms", { namespace, ...roomParameter(room) })}><${Name} of=${room} /></a>`)}</dd></div>
          <div><dt>Data</dt><dd><${Json} value=${socket.data} label="Data" /></dd></div>
          ${socket.handshake && html`<div><dt>Handshake</dt><dd><${Json} value=${socket.handshake} label="Handshake" /></dd></div>`}
        </dl>`}
    <//>
    ${!isGone && html`<${Changes} me=${me} namespace=${namespace} whom=${{ in: [id] }} who="this socket" rooms=${socket ? others(socket) : []}
      onDone=${(what) => (what === "disconnect" ? setIsGone(true) : ask())} />`}`;
}

// ---- Joining, leaving, disconnecting -------------------------------------------------------------------------------

/** What is done to the sockets in `whom`, whom people know as `who`; `rooms`: those to leave, if they are known. */
function Changes({ me, namespace, whom, who, rooms, onDone }) {
  const [names, setNames] = useState([]);
  const [close, setClose] = useState(false);
  const [last, setLast] = useState(null);
  const change = useAnswer();
  const [mayMove, mayDisconnect] = [hasScope(me, "rooms:write"), hasScope(me, "sockets:disconnect")];
  const run = async (what, body) => {
    setLast(what);
    const answer = await change.run(() => call("POST", `../v1/sockets/${what}`, { namespace, ...whom, ...body }));
    if (answer === null) return;
    setNames([]);
    onDone(what);
  };
  const move = (what) => run(what, { rooms: names });
  return html`<section class="changes">
    <h3>Change ${who}</h3>
    ${mayMove ? html`
      <${Names} hasNumbers label=${`Rooms for ${who} to join or leave`} value=${names} onChange=${setNames} placeholder="Type a room, then Enter"
        error=${change.problem?.at("rooms")} />
      <div class="row">
        <button type="button" disabled=${change.busy} onClick=${() => move("join")}>Join</button>
        <button type="button" disabled=${change.busy} onClick=${() => move("leave")}>Leave</button>
        ${(rooms ?? []).filter((room) => !names.includes(room)).slice(0, 8).map((room) => html`<button type="button" class="chip" key=${idOf(room)}
          onClick=${() => setNames([...names, room])}>+ <${Name} of=${room} /></button>`)}
      </div>` : html`<p class="quiet">Joining and leaving need <${Code}>rooms:write<//>.</p>`}
    ${mayDisconnect ? html`<div class="row">
      <${Twice} label=${`Disconnect ${who}`} question=${`Disconnect ${who}?`} confirm="Disconnect" disabled=${change.busy}
        onConfirm=${() => run("disconnect", close ? { close: true } : {})} />
      <label class="check"><input type="checkbox" checked=${close} onChange=${(event) => setClose(event.target.checked)} />
        with the whole connection, in all namespaces</label>
    </div>` : html`<p class="quiet">Disconnecting needs <${Code}>sockets:disconnect<//>.</p>`}
    <${ProblemNotice} problem=${change.problem} besides=${["rooms"]} />
    ${change.value && html`<${Done} what=${last} answer=${change.value} />`}
  </section>`;
}

const DONE = { join: "Joined", leave: "Left", disconnect: "Disconnected" };
function Done({ what, answer }) {
  if (answer.verified === false) {
    return html`<${Notice} kind="warn">Published. No server answers questions, so nobody says whether it was done.<//>`;
  }
  return html`<${Incomplete} answer=${answer} />
    <${Notice} kind=${answer.matched === 0 ? "warn" : "good"}>
      ${DONE[what]}: ${answer.matched === null ? "a server does not say how many" : counted(answer.matched, "socket")}.<//>`;
}

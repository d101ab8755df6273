// Send: one event, what it would reach, what became of it, and the same call in four languages.

import { html, useEffect, useRef, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, hasScope, Problem, question, store, stored } from "./api.js";
import {
  Code, Copy, counted, Field, Json, link, Name, NameList, Names, Namespace, Needs, Notice, ProblemNotice, roomParameter, Time,
  useNamespaces, visibly,
} from "./parts.js";
import { LastEntries } from "./tail.js";

const SENT = "console.sent"; // in sessionStorage
const KEPT = 20;
const PAUSE = 700; // milliseconds without a stroke before the servers are asked
const FIELDS = ["event", "args", "data", "rooms", "except", "namespace", "ack"];

const EXAMPLE = {
  namespace: "/", event: "hello", args: '{"text": "Hello from the console"}', rooms: [], except: [], asksAck: false, timeoutMs: 2000,
};
/** What stands in the form, also while another view is open. */
let kept = EXAMPLE;

export function Send({ me, shown, address }) {
  const [draft, setDraft] = useState(() => addressed(kept, shown));
  const [sent, setSent] = useState(history);
  const { namespaces, learn } = useNamespaces(me);
  useEffect(() => setDraft(addressed(kept, shown)), [address]);
  kept = draft;
  const edit = (change) => setDraft((old) => ({ ...old, ...change }));
  if (!hasScope(me, "emit")) return html`<h1>Send</h1><${Needs} me=${me} scope="emit" what="Sending" />`;
  const note = (result) => setSent(remember(draft, result));
  return html`
    <h1>Send</h1>
    <div class="sending">
      <div>
        <${Form} me=${me} draft=${draft} edit=${edit} namespaces=${namespaces} onAsk=${learn} onSent=${note} />
        <${LastEntries} me=${me} count=${5} />
      </div>
      <aside>
        <${SameCall} body=${bodyOf(draft)} hasKey=${me.name !== null} />
        <${Sent} sent=${sent} onChoose=${(chosen) => setDraft(chosen)} onForget=${() => setSent(forget())} />
      </aside>
    </div>`;
}

/** With the rooms and the namespace that the address names. */
function addressed(draft, shown) {
  const rooms = [...shown.getAll("room"), ...shown.getAll("number").map(Number)];
  const namespace = shown.get("namespace");
  return { ...draft, ...(rooms.length > 0 || namespace ? { rooms } : {}), ...(namespace ? { namespace } : {}) };
}

// ---- The body ------------------------------------------------------------------------------------------------------

/** As text, so that arguments leave as they were typed: `0.10` stays `0.10`, and no number loses its end. */
function bodyOf({ namespace, event, args, rooms, except, asksAck, timeoutMs }, more = {}) {
  const members = { event: JSON.stringify(event) };
  const count = argumentsOf(args)?.length;
  if (count === 1) members.data = args.trim();
  else if (count !== 0) members.args = `[${args.trim()}]`;
  if (rooms.length > 0) members.rooms = JSON.stringify(rooms);
  if (except.length > 0) members.except = JSON.stringify(except);
  if (namespace !== "/") members.namespace = JSON.stringify(namespace);
  if (asksAck) members.ack = JSON.stringify({ timeoutMs: Number(timeoutMs) });
  for (const [name, value] of Object.entries(more)) members[name] = JSON.stringify(value);
  return `{${Object.entries(members).map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(", ")}}`;
}

/** The arguments that were typed, with commas between them; `null` if they are no JSON. */
function argumentsOf(typed) {
  try {
    return JSON.parse(`[${typed}]`);
  } catch {
    return null;
  }
}
function whyNotJSON(typed) {
  try {
    JSON.parse(`[${typed}]`);
    return "";
  } catch (error) {
    return `Not JSON. A text needs double quotes: "hello". ${error.message}`;
  }
}

// ---- The form ------------------------------------------------------------------------------------------------------

function Form({ me, draft, edit, namespaces, onAsk, onSent }) {
  const [check, setCheck] = useState({ body: null, answer: null, problem: null });
  const [result, setResult] = useState({ busy: false, answer: null, problem: null, recipients: null });
  const [insists, setInsists] = useState(null); // the body that is to be sent though nobody is there
  const [tried, setTried] = useState(false);
  const body = bodyOf(draft);
  const latest = useRef(body);
  latest.current = body;
  const jsonError = whyNotJSON(draft.args);
  const isValid = jsonError === "" && draft.event !== "";

  const dryRun = async (ask) => {
    const checked = { body, answer: null, problem: null };
    try {
      checked.answer = await ask(() => call("POST", "../v1/emit", bodyOf(draft, { dryRun: true })));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      checked.problem = problem;
    }
    if ((checked.answer || checked.problem) && latest.current === body) setCheck(checked);
    return checked;
  };
  useEffect(() => {
    if (!isValid || check.body === body) return undefined;
    let wanted = true;
    const typing = setTimeout(() => dryRun((ask) => question(() => wanted && latest.current === body, ask)), PAUSE);
    return () => {
      wanted = false;
      clearTimeout(typing);
    };
  }, [body, isValid]);

  const current = check.body === body ? check : null;
  const verdict = current?.answer ? verdictOf(current.answer, draft, namespaces, me) : null;
  const problem = result.problem ?? current?.problem ?? null;
  const at = (...fields) => fields.map((field) => problem?.at(field)).find(Boolean) ?? "";
  const isForEveryone = draft.rooms.length === 0;

  const send = async (event) => {
    event?.preventDefault();
    setTried(true);
    if (!isValid || result.busy) return;
    setResult({ busy: true, answer: null, problem: null, recipients: null });
    const checked = current?.answer ? current : await dryRun((ask) => ask());
    const known = checked.answer && verdictOf(checked.answer, draft, namespaces, me);
    if (checked.problem || (known.isNobody && insists !== body)) {
      setInsists(known ? body : null);
      setResult({ busy: false, answer: null, problem: checked.problem, recipients: null });
      onAsk();
      return;
    }
    try {
      const answer = await call("POST", "../v1/emit", body);
      setResult({ busy: false, answer, problem: null, recipients: checked.answer.recipients, body });
      onSent(said(answer));
      if (answer.routed === false) onAsk();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      setResult({ busy: false, answer: null, problem });
      onSent(problem.code);
    }
    setInsists(null);
  };
  const change = (fields) => {
    setResult((old) => ({ ...old, problem: null }));
    edit(fields);
  };
  const press = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send(event);
  };

  return html`<form class="card send" onSubmit=${send} onKeyDown=${press} aria-label="Event">
    <div class="row">
      <${Field} label="Event" error=${at("event") || (tried && draft.event === "" ? "An event has a name." : "")}>
        ${(attributes) => html`<input ...${attributes} value=${draft.event} spellcheck="false" autocomplete="off"
          onInput=${(event) => change({ event: event.target.value })} />`}
      <//>
      <${Namespace} value=${draft.namespace} known=${namespaces} error=${at("namespace")} onChange=${(namespace) => change({ namespace })} />
    </div>
    <${Field} label="Arguments" hint="JSON; several with commas between them, as in emit(event, …)."
      error=${at("args", "data") || (draft.args !== "" ? jsonError : "")}>
      ${(attributes) => html`<textarea ...${attributes} rows="4" spellcheck="false" value=${draft.args}
        onInput=${(event) => change({ args: event.target.value })} />`}
    <//>
    <${Names} hasNumbers label="Rooms" hint="Enter takes a room. A socket's id is a room, too. Without a room it is for everyone."
      value=${draft.rooms} error=${at("rooms")} placeholder="everyone" onChange=${(rooms) => change({ rooms })} />
    <${Offers} me=${me} draft=${draft} onChoose=${(room) => change({ rooms: [...draft.rooms, room] })} />
    <details open=${draft.except.length > 0 || draft.asksAck}>
      <summary>Leave out, acknowledgement</summary>
      <${Names} hasNumbers label="Not to rooms or sockets" value=${draft.except} error=${at("except")} onChange=${(except) => change({ except })} />
      <div class="row">
        <label class="check"><input type="checkbox" checked=${draft.asksAck} onChange=${(event) => change({ asksAck: event.target.checked })} />
          Ask the clients for an acknowledgement</label>
        ${draft.asksAck && html`<${Field} label="Milliseconds to wait" error=${at("ack")}>
          ${(attributes) => html`<input ...${attributes} type="number" min="1" max="60000" value=${draft.timeoutMs}
            onInput=${(event) => change({ timeoutMs: event.target.value })} />`}
        <//>`}
      </div>
    </details>

    ${isForEveryone && html`<div class="everyone" role="status"><strong>Everyone</strong> in <${Name} of=${draft.namespace} /> would be reached${
      verdict?.recipients > 0 ? `: ${counted(verdict.recipients, "socket")}` : ""}.</div>`}
    <${ProblemNotice} problem=${problem} besides=${FIELDS} />
    ${!result.answer || result.body !== body ? html`<${Verdict} verdict=${verdict} isValid=${isValid} problem=${problem} change=${change} />` : null}
    <div class="row">
      <button type="submit" class=${isForEveryone ? "primary danger sure" : "primary"} disabled=${result.busy}>
        ${insists === body && verdict?.isNobody ? "Send all the same" : isForEveryone ? "Send to everyone" : "Send"}</button>
      <button type="button" disabled=${!isValid || result.busy} onClick=${() => dryRun((ask) => ask())}>Dry run</button>
      <span class="quiet">Ctrl+Enter sends</span>
    </div>
    ${result.answer && html`<${Result} answer=${result.answer} recipients=${result.recipients} draft=${draft} namespaces=${namespaces} change=${change} />`}
  </form>`;
}

/** A few rooms that there are. */
function Offers({ me, draft, onChoose }) {
  const [rooms, setRooms] = useState([]);
  const mayRead = hasScope(me, "rooms:read");
  const prefix = me.rooms.includes("*") ? "" : (me.rooms.find((glob) => /^[^*]+\*$/.test(glob)) ?? "").slice(0, -1);
  useEffect(() => {
    if (!mayRead || !draft.namespace.startsWith("/")) return undefined;
    let wanted = true;
    const ask = () => call("GET", `../v1/rooms?${new URLSearchParams({ namespace: draft.namespace, limit: 8, ...(prefix ? { prefix } : {}) })}`);
    const typing = setTimeout(async () => {
      try {
        const answer = await ask();
        if (wanted) setRooms(answer.rooms);
      } catch (problem) {
        if (!(problem instanceof Problem)) throw problem;
        if (wanted) setRooms([]);
      }
    }, PAUSE);
    return () => {
      wanted = false;
      clearTimeout(typing);
    };
  }, [draft.namespace, mayRead]);
  const left = rooms.filter(({ room }) => !draft.rooms.includes(room));
  if (left.length === 0) return null;
  return html`<p class="offers"><span class="quiet">There are</span>${" "}
    ${left.map(({ room, sockets }) => html`<button type="button" class="chip" key=${`${typeof room} ${room}`} onClick=${() => onChoose(room)}>
      + <${Name} of=${room} /> <small>${sockets}</small></button>`)}</p>`;
}

// ---- What it would reach -------------------------------------------------------------------------------------------

/** What a dry run says, for people: `isNobody` if nobody would get it, and why. */
function verdictOf({ exchange, exists, recipients, servers }, draft, namespaces, me) {
  const isElsewhere = namespaces?.length > 0 && !namespaces.includes(draft.namespace);
  if (!exists) return { isNobody: true, reason: "no_exchange", exchange };
  if (isElsewhere && !recipients) return { isNobody: true, reason: "no_namespace", namespaces };
  if (recipients === 0) return { isNobody: true, reason: draft.rooms.length > 0 ? "no_member" : "nobody" };
  if (recipients !== null) return { isNobody: false, recipients, servers };
  return { isNobody: false, recipients, servers, why: hasScope(me, "rooms:read") ? (servers ? "incomplete" : "no_answers") : "scope" };
}

function Verdict({ verdict, isValid, problem, change }) {
  if (problem) return null;
  if (!verdict) return isValid ? html`<p class="verdict quiet" role="status">Asking the servers who would get it …</p>` : null;
  if (verdict.isNobody) return html`<${Nobody} ...${verdict} change=${change} />`;
  const { recipients, servers, why } = verdict;
  if (recipients !== null) {
    return html`<p class="verdict good" role="status"><strong>${counted(recipients, "socket")}</strong> in ${counted(servers.responded, "server")} would get it.</p>`;
  }
  return html`<p class="verdict" role="status">${
    why === "scope" ? html`The exchange is there. To count who would get it, a key needs <${Code}>rooms:read<//>.`
    : why === "incomplete" ? html`Not all servers have answered${servers.missing.length > 0 && html`: not <${NameList} of=${servers.missing} />`}. How many would get it is not known.`
    : "The exchange is there. No server of the namespace answers questions, so nobody can say how many would get it."}</p>`;
}

/** Why nobody gets it, and what to do. */
function Nobody({ reason, exchange, namespaces, change, isPast }) {
  const texts = {
    no_exchange: html`the exchange ${exchange && html`<${Name} of=${exchange} />${" "}`}does not exist. Servers make it when they start: do they run,
      with this RabbitMQ, and does the gateway have their wire format and exchange (<a href=${link("configuration")}>Configuration</a>)?`,
    no_server: html`no server listens to the exchange. Do they run, with this RabbitMQ and virtual host?`,
    no_member: html`no socket is in these rooms. Names are exact: see <a href=${link("rooms")}>which rooms there are</a>.`,
    no_namespace: html`no server has this namespace.`,
    nobody: html`no socket is connected.`,
  };
  return html`<${Notice} kind="warn"><strong>Nobody ${isPast ? "got it" : "would get it"}:</strong>${" "}${texts[reason] ?? visibly(reason ?? "no server was there")}
    ${reason === "no_namespace" && namespaces?.length > 0 && html`<p>Servers have${" "}
      ${namespaces.map((one) => html`<button type="button" class="chip" key=${one} onClick=${() => change({ namespace: one })}><${Name} of=${one} /></button>`)}</p>`}
  <//>`;
}

// ---- What became of it ---------------------------------------------------------------------------------------------

function said({ routed, reason, acks }) {
  if (acks) return `${acks.received} acknowledged`;
  return routed === false ? `nobody: ${reason ?? "no server"}` : routed === true ? "to servers" : "confirmed";
}

function Result({ answer, recipients, draft, namespaces, change }) {
  if (answer.routed === false) return html`<${Nobody} isPast reason=${answer.reason} namespaces=${namespaces} change=${change} />`;
  const who = recipients > 0 ? `, for ${counted(recipients, "socket")}` : "";
  return html`<${Notice} kind="good">
    <strong>Sent${who}.</strong> ${answer.routed === true ? "RabbitMQ has given it to the servers." : "RabbitMQ has taken it; who is behind the servers' queue it does not know."}
    <p class="quiet">${answer.id} · <a href=${link("tail")}>in the tail</a>${draft.rooms.length === 1 && html` · <a
      href=${link("rooms", { namespace: draft.namespace, ...roomParameter(draft.rooms[0]) })}>who is in <${Name} of=${draft.rooms[0]} /></a>`}</p>
    ${answer.acks && html`<${Acknowledgements} acks=${answer.acks} />`}
  <//>`;
}

const Acknowledgements = ({ acks }) => html`<div>
  <strong>${acks.expected === null ? counted(acks.received, "client") : `${acks.received} of ${counted(acks.expected, "client")}`} acknowledged.</strong>
  ${acks.responses.length > 0 && html`<${Json} value=${acks.responses} label="Acknowledgements" />`}
</div>`;

// ---- The last that were sent ---------------------------------------------------------------------------------------

function history() {
  try {
    const found = JSON.parse(stored(SENT) ?? "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
}
function remember(draft, result) {
  const sent = [{ at: new Date().toISOString(), draft, result }, ...history()].slice(0, KEPT);
  store(SENT, JSON.stringify(sent));
  return sent;
}
function forget() {
  store(SENT, null);
  return [];
}

function Sent({ sent, onChoose, onForget }) {
  if (sent.length === 0) return null;
  return html`<section>
    <h2>Sent in this tab</h2>
    <ol class="sent">${sent.map(({ at, draft, result }) => html`<li key=${at}>
      <button type="button" class="link" onClick=${() => onChoose({ ...EXAMPLE, ...draft })}><${Name} of=${draft.event} /></button>${" "}
      <${NameList} of=${draft.rooms} none="everyone" /> <span class="quiet">${visibly(result)} · <${Time} of=${at} /></span>
    </li>`)}</ol>
    <button type="button" class="link" onClick=${onForget}>Forget them</button>
  </section>`;
}

// ---- The same call, elsewhere --------------------------------------------------------------------------------------

/** A word for a shell: nothing in it means anything but an end of the quotes. */
const shell = (word) => `'${word.replaceAll("'", "'\\''")}'`;
const php = (text) => `'${text.replace(/[\\']/g, "\\$&")}'`;
const literal = JSON.stringify; // of JavaScript, and of Python

const LANGUAGES = {
  curl: (url, body, hasKey) => `curl -X POST ${shell(url)} \\\n${
    hasKey ? '  -H "Authorization: Bearer $GATEWAY_API_KEY" \\\n' : ""}  -H 'Content-Type: application/json' \\\n  -d ${shell(body)}`,
  Python: (url, body, hasKey) => `import os\nfrom urllib.request import Request, urlopen\n\nbody = ${literal(body)}\nheaders = {"Content-Type": "application/json"}\n${
    hasKey ? 'headers["Authorization"] = f"Bearer {os.environ[\'GATEWAY_API_KEY\']}"\n' : ""}with urlopen(Request(${literal(url)}, body.encode(), headers), timeout=10) as response:\n    print(response.read().decode())`,
  Node: (url, body, hasKey) => `fetch(${literal(url)}, {\n  method: "POST",\n  headers: {\n    "Content-Type": "application/json",\n${
    hasKey ? "    Authorization: `Bearer ${process.env.GATEWAY_API_KEY}`,\n" : ""}  },\n  body: ${literal(body)},\n}).then((response) => response.text()).then(console.log);`,
  PHP: (url, body, hasKey) => `<?php\necho file_get_contents(${php(url)}, false, stream_context_create(['http' => [\n    'method' => 'POST',\n    'header' => ['Content-Type: application/json'${
    hasKey ? ", 'Authorization: Bearer ' . getenv('GATEWAY_API_KEY')" : ""}],\n    'content' => ${php(body)},\n    'ignore_errors' => true,\n]]));`,
};

/** Characters that cannot be seen stand in strings only, where an escape means the same. */
const plain = (json) => json.replace(/[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (character) =>
  `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);

function SameCall({ body, hasKey }) {
  const [language, setLanguage] = useState("curl");
  const code = LANGUAGES[language](new URL("../v1/emit", location.href).href, plain(body), hasKey);
  return html`<section>
    <h2>The same call</h2>
    <div class="row tabs" role="group" aria-label="Language">
      ${Object.keys(LANGUAGES).map((name) => html`<button type="button" key=${name} aria-pressed=${name === language} onClick=${() => setLanguage(name)}>${name}</button>`)}
    </div>
    <pre class="code" tabindex="0" aria-label=${`As ${language}`}>${code}</pre>
    <div class="row"><${Copy} text=${code} />${hasKey && html`<span class="quiet">with the key in <code>GATEWAY_API_KEY</code></span>`}</div>
  </section>`;
}

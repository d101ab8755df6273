// Send: one event, whom it would reach, what became of it, and the same call in four languages.

import { firstPrefix, get, happenings, may, mayReachAll, me, outcomeOf, post, question, store, stored } from "./api.js";
import {
  ADVICE, block, check, coded, counted, html, instant, link, list, NamesField, Namespace, Notice, number, offer, REASONS, roomLink, safe, scoped, Text, trouble,
  Twice, useEffect, useNamespaces, useRef, useState,
} from "./parts.js";
import { useTail } from "./tail.js";

const SENT = "console.sent"; // in sessionStorage
const KEPT = 20;
const PAUSE = 700; // milliseconds without a stroke before the servers are asked

const EXAMPLE = { namespace: "/", event: "hello", args: '{"text": "Hello from the console"}', rooms: [], except: [], asksAck: false };
/** What stands in the form, also behind another view; not for the next key. */
let kept = EXAMPLE;
happenings.addEventListener("key", () => {
  kept = EXAMPLE;
  store(SENT, null);
});

export function Send({ shown, address }) {
  const addressed = () => ({
    ...kept, ...(shown.has("namespace") && { namespace: shown.get("namespace"), rooms: [...shown.getAll("room"), ...shown.getAll("number").map(Number)] }),
  });
  const [draft, setDraft] = useState(addressed);
  const [sent, setSent] = useState(() => JSON.parse(stored(SENT) ?? "[]"));
  useEffect(() => setDraft(addressed()), [address]);
  kept = draft;
  const note = (result) => {
    const noted = [{ at: new Date().toISOString(), draft, result }, ...sent].slice(0, KEPT);
    store(SENT, JSON.stringify(noted));
    setSent(noted);
  };
  return html`${scoped("emit", "Sending", html`<div class="split">
    <div><${Form} draft=${draft} edit=${(change) => setDraft((old) => ({ ...old, ...change }))} onSent=${note} /></div>
    <div><${SameCall} body=${bodyOf(draft)} />
      ${sent.length > 0 && html`<h2>Sent in this tab</h2><ol>${sent.map(({ at, draft: old, result }) => html`<li key=${at}>
        <button class="link" onClick=${() => setDraft(old)}>${safe(old.event)}</button> ${list(old.rooms, "everyone")}${" "}
        <span class="quiet">${result}, ${instant(at)}</span></li>`)}</ol>`}</div></div>`)}`;
}

/** The arguments that were typed, with commas between them, or why they are none. */
function argumentsOf(typed) {
  try {
    return { value: JSON.parse(`[${typed}]`) };
  } catch (error) {
    return { error: `Not JSON; a text stands in double quotes. ${error.message}` };
  }
}

/** As text: arguments leave as they were typed, and no number loses its end. */
function bodyOf({ namespace, event, args, rooms, except, asksAck }, more) {
  const members = {
    event, ...(rooms.length > 0 && { rooms }), ...(except.length > 0 && { except }), ...(namespace !== "/" && { namespace }),
    ...(asksAck && { ack: {} }), ...more,
  };
  const count = argumentsOf(args).value?.length;
  const typed = args.trim().replace(/[\t\r\n]+/g, " "); // which stand in no JSON string
  const data = count === 0 ? "" : count === 1 ? `,"data":${typed}` : `,"args":[${typed}]`;
  return `${JSON.stringify(members).slice(0, -1)}${data}}`;
}

function Form({ draft, edit, onSent }) {
  const [namespaces, renew] = useNamespaces();
  useTail();
  const [known, setKnown] = useState({}); // of `body`: what its dry `run` and its `last` sending came to
  const [isBusy, setIsBusy] = useState(false);
  const body = bodyOf(draft);
  const { run, last } = known.body === body ? known : {};
  const latest = useRef(null);
  latest.current = body;
  useEffect(() => () => (latest.current = null), []);
  const isCurrent = () => latest.current === body;
  const learn = (more) => isCurrent() && setKnown((old) => ({ ...(old.body === body && old), body, ...more }));
  const { error: jsonError } = argumentsOf(draft.args);
  const isForAll = draft.rooms.length === 0;
  const isNone = isForAll && !mayReachAll();

  const dryRun = async () => {
    const run = await outcomeOf(() => post("v1/emit", bodyOf(draft, { dryRun: true })));
    learn({ run });
    return run;
  };
  useEffect(() => {
    const typing = setTimeout(() => !jsonError && !run && !isNone && question(isCurrent, dryRun), PAUSE);
    return () => clearTimeout(typing);
  }, [body]);

  const { problem } = last ?? run ?? {};
  const send = async () => {
    if (jsonError || isBusy) return;
    setIsBusy(true);
    const { value, problem } = await dryRun();
    if (!problem?.isFinal) {
      const last = await outcomeOf(() => post("v1/emit", body));
      learn({ last });
      onSent(last.problem ? last.problem.code ?? "failed" : last.value.routed === false || value?.recipients === 0 ? "nobody" : "sent");
    }
    renew();
    setIsBusy(false);
  };

  const field = (name) => ({ value: draft[name], error: problem?.at(name), onChange: (value) => edit({ [name]: value }) });
  const nobody = (reason, verb) => html`<${Notice} kind="warn"><strong>Nobody ${verb} it:</strong> ${REASONS[reason] ?? "no socket is there"}.
    ${" "}${ADVICE[reason]} ${reason === "no_namespace" && html`Servers have ${offer(namespaces, (namespace) => edit({ namespace }))}`}<//>`;
  return html`<form class="card" onSubmit=${(event) => (event.preventDefault(), isForAll || send())}>
    <div class="row"><${Text} label="Event" ...${field("event")} /><${Namespace} known=${namespaces} ...${field("namespace")} /></div>
    <${Text} tag="textarea" rows="4" label="Arguments" hint="JSON; several with commas between them" ...${field("args")}
      error=${jsonError || problem?.at("args", "data")} />
    <${NamesField} label="Rooms" placeholder="everyone" hint=${mayReachAll() ? "Enter takes one. A socket's id is a room, too." : html`This key may name ${list(me.rooms)}.`} ...${field("rooms")} />
    <${Offers} key=${draft.namespace} draft=${draft} namespaces=${namespaces} onChoose=${(room) => edit({ rooms: [...draft.rooms, room] })} />
    <details><summary>Leave out, acknowledge</summary>
      <${NamesField} label="Not to rooms or sockets" ...${field("except")} />
      ${check("Ask clients for an acknowledgement", draft.asksAck, (asksAck) => edit({ asksAck }))}</details>
    ${isForAll && !isNone && html`<p class="everyone" role="status">Everyone in ${safe(draft.namespace)} would be reached.</p>`}
    ${isNone ? null : isForAll ? html`<${Twice} key=${body} label="Send to everyone" yes="Yes, to everyone" onConfirm=${send} />` : html`<button class="primary">Send</button>`}
    ${trouble(problem)}
    ${!problem && !jsonError && (last ? became(last.value, run.value ?? {}, draft, nobody, namespaces)
      : run ? expected(run.value, whyNobody(run.value, draft, namespaces), nobody)
      : !isNone && html`<p class="quiet">Asking …</p>`)}</form>`;
}

function Offers({ draft: { namespace, rooms }, namespaces, onChoose }) {
  const [there, setThere] = useState([]);
  const isThere = may("rooms:read") && namespaces.includes(namespace);
  useEffect(() => void (isThere && outcomeOf(() => get("v1/rooms", { namespace, limit: 8, prefix: firstPrefix() })).then(({ value }) =>
    setThere(value?.rooms ?? []))), [isThere]);
  const left = there.map(({ room }) => room).filter((room) => !rooms.includes(room));
  return may("rooms:read") && html`<p class="offers">${left.length > 0 && html`There are ${offer(left, onChoose)}`}</p>`;
}

/** By a dry run. */
function whyNobody({ exists, recipients }, { namespace, rooms }, namespaces) {
  if (!exists) return "no_exchange";
  if (!recipients && namespaces.length > 0 && !namespaces.includes(namespace)) return "no_namespace";
  return recipients === 0 && (rooms.length > 0 ? "no_member" : "no_socket");
}

function expected({ recipients, servers }, reason, nobody) {
  if (reason) return nobody(reason, "would get");
  if (recipients !== null) return html`<${Notice} kind="good">
    <strong>${counted(recipients, "socket")} in ${counted(servers.responded, "server")}</strong> would get it.<//>`;
  return html`<${Notice}>The exchange is there. ${!may("rooms:read") ? html`Counting who would get it needs <code>rooms:read</code>`
    : servers ? html`How many would get it is not known without ${list(servers.missing)}` : "No server answers how many would get it"}.<//>`;
}

function became({ id, routed, reason, acks }, run, draft, nobody, namespaces) {
  const { namespace, rooms } = draft;
  const { recipients } = run;
  if (routed === false || recipients === 0) return nobody(reason ?? whyNobody(run, draft, namespaces), "got");
  return html`<${Notice} kind="good"><strong>Sent${recipients > 0 && `, for ${counted(recipients, "socket")}`}.</strong>${" "}
    ${routed ? "Servers have it." : "RabbitMQ has it; who is behind its queue it does not know."}
    <p class="quiet"><a href=${link("tail")}>In the tail</a> as ${id}${rooms.length === 1 && html`;
      ${" "}<a href=${roomLink("rooms", namespace, rooms[0])}>who is in ${safe(rooms[0])}</a>`}</p>
    ${acks && html`<strong>${number(acks.received)} of ${acks.expected ?? "nobody knows how many"} acknowledged.</strong>
      ${block(acks.responses, "Acknowledgements")}`}<//>`;
}

// The same call. A text of JSON is one of JavaScript and of Python, too.

const shell = (word) => `'${word.replaceAll("'", "'\\''")}'`;
const php = (text) => `'${text.replace(/[\\']/g, "\\$&")}'`;
const LANGUAGES = {
  curl: (url, body, key) => `curl ${shell(url)} \\
${key('  -H "Authorization: Bearer $GATEWAY_API_KEY" \\')}  -H 'Content-Type: application/json' \\
  -d ${shell(body)}`,
  Python: (url, body, key) => `import os, urllib.request
headers = {"Content-Type": "application/json"}
${key('headers["Authorization"] = "Bearer " + os.environ["GATEWAY_API_KEY"]')}body = ${JSON.stringify(body)}
request = urllib.request.Request(${JSON.stringify(url)}, body.encode(), headers)
print(urllib.request.urlopen(request).read().decode())`,
  Node: (url, body, key) => `const headers = { "Content-Type": "application/json" };
${key("headers.Authorization = `Bearer ${process.env.GATEWAY_API_KEY}`;")}const body = ${JSON.stringify(body)};
fetch(${JSON.stringify(url)}, { method: "POST", headers, body }).then((answer) => answer.text()).then(console.log);`,
  PHP: (url, body, key) => `<?php
$headers = ['Content-Type: application/json'];
${key("$headers[] = 'Authorization: Bearer ' . getenv('GATEWAY_API_KEY');")}$content = ${php(body)};
$http = ['method' => 'POST', 'header' => $headers, 'content' => $content, 'ignore_errors' => true];
echo file_get_contents(${php(url)}, false, stream_context_create(['http' => $http]));`,
};

function SameCall({ body }) {
  const [language, setLanguage] = useState("curl");
  const [said, setSaid] = useState("Copy");
  const lines = useRef(null);
  // By the selection: a page over plain HTTP has no other clipboard.
  const copy = () => {
    getSelection().selectAllChildren(lines.current);
    setSaid(document.execCommand("copy") ? "Copied" : "Not copied");
    setTimeout(setSaid, 1500, "Copy");
  };
  // What cannot be seen stands in JSON's strings, where a code means the same.
  const json = coded(body, (hex) => `\\u${hex}`);
  return html`<h2>The same call</h2>
    <div class="row">${Object.keys(LANGUAGES).map((name) =>
      html`<button aria-pressed=${`${name === language}`} onClick=${() => setLanguage(name)}>${name}</button>`)}</div>
    <pre tabindex="0" ref=${lines}>${LANGUAGES[language](new URL("../v1/emit", location).href, json, (line) => (me.name === null ? "" : `${line}\n`))}</pre>
    <button aria-live="polite" onClick=${copy}>${said}</button>`;
}

// What several views are made of. Names, rooms and data come from strangers: they become text nodes alone.

export * from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { get, may, me, outcomeOf } from "./api.js";

// Texts

export const number = (value) => value.toLocaleString("en");
/** "1 socket", "12,000 sockets". */
export const counted = (count, noun) => `${number(count)} ${count === 1 ? noun : `${noun.replace(/y$/, "ie")}s`}`;

/** With a code for each character that cannot be seen, or that turns the text around. */
export const coded = (text, code) => String(text).replace(/[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
  (character) => code(character.charCodeAt(0).toString(16).padStart(4, "0")));
export const visibly = (text) => coded(text, (hex) => `⟨U+${hex.toUpperCase()}⟩`);

/** A name that somebody else has given; its direction of writing stays inside. */
export const safe = (name) => html`<bdi class="name">${visibly(name)}</bdi>`;
export const list = (names, none = "none") => (names.length === 0 ? none : names.map((name, index) => html`${index > 0 && ", "}${safe(name)}`));

/** Several lines: JSON, if `value` is no text. */
export const block = (value, label) => html`<pre tabindex="0" aria-label=${label}>${
  (typeof value === "string" ? value : JSON.stringify(value, null, 2)).split("\n").map(visibly).join("\n")}</pre>`;

/** An instant, as the reader's clock has it. */
export const instant = (text) => (text ? html`<time>${new Date(text).toLocaleString("sv")}</time>` : "never");

/** Why nobody got an event, and what to do. */
export const REASONS = {
  no_exchange: "the servers' exchange does not exist", no_server: "no server listens", no_member: "the rooms are empty",
  no_namespace: "no server has the namespace",
};
export const ADVICE = {
  no_exchange: "Servers make it when they start. Do they run, with this RabbitMQ? Do wire format and exchange fit (Configuration)?",
  no_server: "Do servers run, with this RabbitMQ and its virtual host?",
  no_member: "Names are exact, 42 and the text 42 are two, and each namespace has rooms of its own.",
};

/** The address of a view, with what it is to show. */
export const link = (view, shown) => `#${view}${shown ? `?${new URLSearchParams(shown)}` : ""}`;
/** Of a room (null: all); a number is not the name that is its digits. */
export const roomLink = (view, namespace, room) =>
  link(view, { namespace, ...(room === null ? { all: true } : typeof room === "number" ? { number: room } : { room }) });

export const pairs = (of, kind = "pairs") => html`<dl class=${kind}>
  ${Object.entries(of).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;

/** Each row is a `tr`, or its key and its cells. */
export const table = (head, rows, kind) => html`<div class="wide"><table class=${kind}>
  <thead><tr>${head.map((title) => html`<th>${title}</th>`)}</tr></thead>
  <tbody>${rows.map((row) => (Array.isArray(row)
    ? html`<tr key=${row[0]}>${row.slice(1).map((cell) => html`<td>${cell}</td>`)}</tr>` : row))}</tbody></table></div>`;

// Notices

export const Notice = ({ kind, children }) => html`<div class=${`notice ${kind}`} role=${kind === "bad" ? null : "status"}>${children}</div>`;

export function trouble(problem) {
  if (!problem) return null;
  const { status, code, message, outcome, requestId } = problem;
  return html`<${Notice} kind="bad"><strong role="alert">${visibly(message)}</strong>
    ${outcome && html`<p>It may be done all the same: again only where twice does no harm.</p>`}
    ${code && html`<p class="quiet">${status} <a href=${`../problems#${code}`} target="_blank">${code}</a>, request ${requestId}</p>`}<//>`;
}

/** `children` for a key that has the scope; for others, why not. */
export const scoped = (scope, what, children) => (may(scope) ? children : html`<${Notice}>
  ${what} needs <code>${scope}</code>. The key ${safe(me.name)} has ${list(me.scopes, "no scope")}.<//>`);

/** Which servers an answer is without. */
export function incomplete(answer) {
  if (answer?.complete !== false) return null;
  const { missing, tooLarge, expected, responded } = answer.servers;
  return html`<${Notice} kind="warn"><strong>Not complete: ${responded} of ${counted(expected, "server")} answered.</strong>
    ${" "}Missing: ${list([...missing, ...tooLarge])}.<//>`;
}

// Controls

export const typed = (take) => (event) => take(event.target.value);

/** A label, a control that gets its attributes, and what is wrong with it. A label is there once in a view. */
function field({ label, hint, error }, control) {
  const id = label.replaceAll(" ", "-");
  const attributes = { id, "aria-describedby": `${id}-about`, "aria-invalid": error ? "true" : null, spellcheck: false, autocomplete: "off" };
  return html`<div class="field"><label for=${id}>${label}</label>${control(attributes)}
    <p id=${`${id}-about`} class=${error ? "error" : "quiet"}>${error ? visibly(error) : hint}</p></div>`;
}
export const Text = ({ tag = "input", label, hint, error, onChange, ...more }) => field({ label, hint, error }, (attributes) =>
  html`<${tag} ...${attributes} ...${more} onInput=${typed(onChange)} />`);

export const check = (label, value, onChange, disabled) => html`<label class="check">
  <input type="checkbox" checked=${value} disabled=${disabled} onChange=${(event) => onChange(event.target.checked)} />${label}</label>`;

/** Names that are typed one after the other; Enter takes one. */
export function NamesField({ value, onChange, placeholder, ...about }) {
  const [text, setText] = useState("");
  const take = () => {
    if (text !== "" && !value.includes(text)) onChange([...value, text]);
    setText("");
  };
  const press = (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    take();
  };
  return field(about, (attributes) => html`<div class="names">
    ${value.map((name, index) => html`<span class="chip">${safe(name)}
      <button type="button" class="link" aria-label=${`Remove ${name}`} onClick=${() => onChange(value.toSpliced(index, 1))}>×</button></span>`)}
    <input ...${attributes} value=${text} placeholder=${value.length === 0 ? placeholder : ""}
      onInput=${typed(setText)} onKeyDown=${press} onBlur=${take} /></div>`);
}

/** The namespaces that servers have (none: not known), and a function that asks again. */
export function useNamespaces() {
  const [namespaces, setNamespaces] = useState([]);
  const learn = async () => {
    const { value } = may("servers:read") ? await outcomeOf(() => get("v1/servers")) : {};
    if (value) setNamespaces([...new Set(value.servers.flatMap((server) => server.namespaces))].sort());
  };
  useEffect(() => void learn(), []);
  return [namespaces, learn];
}
export const Namespace = ({ known, ...more }) => html`<${Text} label="Namespace" list="namespaces" ...${more} />
  <datalist id="namespaces">${known.map((one) => html`<option value=${one} />`)}</datalist>`;

/** A button that asks before it does it, where it stands. */
export function Twice({ label, yes = "Disconnect", onConfirm }) {
  const [asks, setAsks] = useState(null); // null: never yet
  const focus = useRef(null);
  useEffect(() => {
    if (asks !== null) focus.current.focus();
  }, [asks]);
  if (!asks) return html`<button type="button" class="danger" key="first" ref=${focus} onClick=${() => setAsks(true)}>${label}</button>`;
  return html`<span class="row" key="second" onKeyDown=${(event) => event.key === "Escape" && setAsks(false)}>
    ${label}? <button type="button" class="sure" onClick=${() => (setAsks(false), onConfirm())}>${yes}</button>
    <button type="button" ref=${focus} onClick=${() => setAsks(false)}>Cancel</button></span>`;
}

/** `busy`, and `value` or `problem` of the last `run(ask)`; what comes late is left out. */
export function useAnswer() {
  const [state, setState] = useState({});
  const latest = useRef(0);
  const run = async (ask) => {
    const turn = ++latest.current;
    setState((old) => ({ ...old, busy: true }));
    const answer = await outcomeOf(ask);
    if (turn === latest.current) setState(answer);
    return answer.value;
  };
  return { ...state, run };
}

export const offer = (names, onChoose) => names.map((name) =>
  html`<button type="button" class="chip" onClick=${() => onChoose(name)}>${safe(name)}</button>`);

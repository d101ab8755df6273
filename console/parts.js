// What several views are made of. Names, rooms and data come from strangers: they become text nodes, and nothing else.

import { html, useEffect, useRef, useState } from "./vendor/preact-10.27.2-htm-3.1.1.min.js";
import { call, hasScope, Problem } from "./api.js";

// ---- Texts ---------------------------------------------------------------------------------------------------------

const PLURALS = { is: "are", has: "have" };

/** "1 socket", "12,000 sockets". */
export const counted = (count, noun) => `${number(count)} ${count === 1 ? noun : (PLURALS[noun] ?? `${noun}s`)}`;
export const number = (value) => value.toLocaleString("en");

/** Of characters that cannot be seen, or that turn the text around, their codes. */
export const visibly = (name) =>
  String(name).replace(/[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g, (character) =>
    `⟨U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);

/** A name that somebody else has given: its direction of writing does not leave it. A number says that it is one. */
export const Name = ({ of }) =>
  html`<bdi class=${typeof of === "number" ? "name number" : "name"} title=${typeof of === "number" ? "a number" : null}>
    ${visibly(of)}
  </bdi>`;

/** Several names, with commas between them. */
export const NameList = ({ of, none }) =>
  of.length === 0 ? none : of.map((name, index) => html`${index > 0 && ", "}<${Name} of=${name} />`);

export const Code = ({ children }) => html`<code>${children}</code>`;

/** JSON as text; numbers beyond 2⁵³ are as this browser reads them. */
export const Json = ({ value, label }) =>
  html`<pre class="json" tabindex="0" aria-label=${label}>${visibleLines(JSON.stringify(value, null, 2) ?? "")}</pre>`;
export const visibleLines = (text) => text.split("\n").map(visibly).join("\n");

/** "3 d 4 h", "12 s". */
export function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts = units.slice(first, first + 2).map(([unit, size], index) => {
    const value = Math.floor((index === 0 ? seconds : seconds % units[first][1]) / size);
    return index === 0 || value > 0 ? `${value} ${unit}` : "";
  });
  return parts.join(" ").trim();
}

/** An instant of the API, as the reader's clock has it. */
export function Time({ of, none = "never" }) {
  if (!of) return none;
  const date = new Date(of);
  return html`<time datetime=${of} title=${of}>${date.toLocaleString("sv")}</time>`;
}

/** The address of a view, with what it is to show: lists become several parameters. */
export function link(view, shown = {}) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(shown)) for (const one of [value].flat()) parameters.append(name, one);
  const query = parameters.toString();
  return `#${view}${query && `?${query}`}`;
}

/** How a room stands in `link`: a number is not the name with the same digits. */
export const roomParameter = (room) => (typeof room === "number" ? { number: room } : { room });

// ---- Notices -------------------------------------------------------------------------------------------------------

export const Notice = ({ kind = "info", children }) =>
  html`<div class=${`notice ${kind}`} role=${kind === "bad" ? "alert" : "status"}>${children}</div>`;

/** What the gateway said; `besides`: the fields that have their part of it beside them. */
export function ProblemNotice({ problem, besides = [] }) {
  if (!problem) return null;
  const rest = problem.errors.filter(({ pointer, parameter }) => {
    const field = parameter ?? pointer?.split("/")[1];
    return !besides.includes(field);
  });
  const isBeside = problem.errors.length > 0 && rest.length === 0;
  return html`<${Notice} kind="bad">
    <strong>${isBeside ? "Not done: see the fields in red." : visibly(problem.message)}</strong>
    ${rest.length > 1 && html`<ul>${rest.map(({ pointer, parameter, detail }) => html`<li>${pointer ?? parameter}: ${visibly(detail)}</li>`)}</ul>`}
    ${problem.outcome === "unknown" && html`<p>It may have been done all the same: again only where twice does no harm.</p>`}
    ${problem.retryAfter && html`<p>Again in ${counted(problem.retryAfter, "second")}.</p>`}
    ${problem.code && problem.status > 0 && html`<p class="quiet">
      ${problem.status} <a href=${`../problems#${problem.code}`} target="_blank" rel="noopener">${problem.code}</a>
      ${problem.requestId && html` · request <code>${problem.requestId}</code>`}
    </p>`}
  <//>`;
}

/** Why a view, or a part of one, is empty for this key. */
export const Needs = ({ me, scope, what }) =>
  html`<${Notice}>
    ${what} needs <code>${scope}</code>. The key <${Name} of=${me.name ?? "in use"} /> has${" "}
    ${me.scopes.length === 0 ? "no scope" : me.scopes.map((one, index) => html`${index > 0 && ", "}<code>${one}</code>`)}.
  <//>`;

/** Children for who has the scope; why not for the others. */
export const Scoped = ({ me, scope, what, children }) =>
  hasScope(me, scope) ? children : html`<${Needs} me=${me} scope=${scope} what=${what} />`;

/** Which servers an answer is without. */
export function Incomplete({ answer }) {
  if (!answer || answer.complete !== false) return null;
  const { missing, tooLarge, expected, responded } = answer.servers;
  return html`<${Notice} kind="warn">
    <strong>Not complete: ${responded} of ${counted(expected, "server")} answered.</strong>
    ${missing.length > 0 && html` No answer from <${NameList} of=${missing} />.`}
    ${tooLarge.length > 0 && html` Too large was the answer of <${NameList} of=${tooLarge} />.`}
  <//>`;
}

// ---- Controls ------------------------------------------------------------------------------------------------------

let ids = 0;

/** A label, its control, and what is wrong with it. `children` is a function that gets the control's attributes. */
export function Field({ label, hint, error, children }) {
  const id = useRef(`field-${++ids}`).current;
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const attributes = { id, "aria-describedby": about || null, "aria-invalid": error ? "true" : null };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${children(attributes)}
    ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="error" id=${`${id}-error`}>${visibly(error)}</p>`}
  </div>`;
}

/** Names that are typed one after the other; Enter takes one. With `hasNumbers` digits may be a number instead. */
export function Names({ label, hint, error, value, onChange, placeholder, hasNumbers }) {
  const [typed, setTyped] = useState("");
  const take = () => {
    if (typed !== "" && !value.includes(typed)) onChange([...value, typed]);
    setTyped("");
  };
  const press = (event) => {
    if (event.key === "Enter" && typed !== "" && !event.isComposing) {
      event.preventDefault();
      take();
    } else if (event.key === "Backspace" && typed === "") {
      onChange(value.slice(0, -1));
    }
  };
  const replace = (index, ...by) => onChange(value.toSpliced(index, 1, ...by));
  return html`<${Field} label=${label} hint=${hint} error=${error}>
    ${(attributes) => html`<div class="names">
      ${value.map((name, index) => html`<span class="chip" key=${`${typeof name} ${name}`}>
        <${Name} of=${name} />
        ${hasNumbers && isDigits(name) && html`<button type="button" class="link" onClick=${() => replace(index, turned(name))}
          title="The room that is a number, and the one whose name is its digits, are two rooms">
          ${typeof name === "number" ? "number" : "text"}</button>`}
        <button type="button" class="link" aria-label=${`Remove ${name}`} onClick=${() => replace(index)}>×</button>
      </span>`)}
      <input ...${attributes} value=${typed} placeholder=${value.length === 0 ? placeholder : ""} autocomplete="off" spellcheck="false"
        onInput=${(event) => setTyped(event.target.value)} onKeyDown=${press} onBlur=${take} />
    </div>`}
  <//>`;
}
const isDigits = (name) => /^(0|-?[1-9]\d{0,15})$/.test(String(name)) && Number.isSafeInteger(Number(name));
const turned = (name) => (typeof name === "number" ? String(name) : Number(name));

/** A button that asks before it does it, where it stands. */
export function Twice({ label, question, confirm = label, onConfirm, disabled }) {
  const [asks, setAsks] = useState(false);
  const [first, cancel] = [useRef(null), useRef(null)];
  const wasAsked = useRef(false);
  useEffect(() => {
    if (asks) cancel.current?.focus();
    else if (wasAsked.current) first.current?.focus();
    wasAsked.current = asks;
  }, [asks]);
  if (!asks) {
    return html`<button type="button" class="danger" ref=${first} disabled=${disabled} onClick=${() => setAsks(true)}>${label}</button>`;
  }
  const done = () => {
    setAsks(false);
    onConfirm();
  };
  return html`<span class="twice" role="group" aria-label=${label} onKeyDown=${(event) => event.key === "Escape" && setAsks(false)}>
    <span>${question}</span>
    <button type="button" class="danger sure" onClick=${done}>${confirm}</button>
    <button type="button" ref=${cancel} onClick=${() => setAsks(false)}>Cancel</button>
  </span>`;
}

/** Copies a text; without a clipboard (a page over plain HTTP has none) by way of a field. */
export function Copy({ text, label = "Copy" }) {
  const [said, setSaid] = useState(null);
  const button = useRef(null);
  const copy = async () => {
    setSaid((await copied(text)) ? "Copied" : "Not copied");
    button.current?.focus();
    setTimeout(() => setSaid(null), 1500);
  };
  return html`<button type="button" ref=${button} onClick=${copy} aria-live="polite">${said ?? label}</button>`;
}
async function copied(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isDone = document.execCommand("copy");
  field.remove();
  return isDone;
}

/** The last values as a line, from 0 to the largest. */
export function Sparkline({ values, label }) {
  const [width, height] = [120, 28];
  const most = Math.max(...values, 1e-9);
  const step = width / Math.max(values.length - 1, 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`);
  return html`<svg class="spark" viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label=${label}>
    <polyline points=${points.join(" ")} vector-effect="non-scaling-stroke" />
  </svg>`;
}

// ---- Asking --------------------------------------------------------------------------------------------------------

/** `{busy, value, problem}` of the last `run(ask)`; what comes late is left out. */
export function useAnswer() {
  const [state, setState] = useState({ busy: false, value: null, problem: null });
  const latest = useRef(0);
  useEffect(() => () => (latest.current = Infinity), []);
  const run = async (ask) => {
    const turn = ++latest.current;
    setState((old) => ({ ...old, busy: true }));
    try {
      const value = await ask();
      if (turn === latest.current) setState({ busy: false, value, problem: null });
      return value;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (turn === latest.current) setState({ busy: false, value: null, problem });
      return null;
    }
  };
  const set = (value) => setState((old) => ({ ...old, value }));
  const forget = () => {
    ++latest.current;
    setState({ busy: false, value: null, problem: null });
  };
  return { ...state, run, set, forget };
}

/** The namespaces that servers have, as far as the key may ask; `null` before it is known. */
export function useNamespaces(me) {
  const [namespaces, setNamespaces] = useState(null);
  const mayRead = hasScope(me, "servers:read");
  const learn = async () => {
    if (!mayRead) return;
    try {
      const { servers } = await call("GET", "../v1/servers");
      setNamespaces([...new Set(servers.flatMap((server) => server.namespaces))].sort());
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
    }
  };
  useEffect(() => {
    learn();
  }, [mayRead]);
  return { namespaces, learn };
}

/** A namespace, of which those that servers have are offered. */
export function Namespace({ value, onChange, known, error }) {
  const list = useRef(`namespaces-${++ids}`).current;
  return html`<${Field} label="Namespace" error=${error}>
    ${(attributes) => html`<input ...${attributes} class="namespace" list=${list} value=${value} spellcheck="false" autocomplete="off"
      onInput=${(event) => onChange(event.target.value)} />
      <datalist id=${list}>${(known ?? []).map((one) => html`<option key=${one} value=${one} />`)}</datalist>`}
  <//>`;
}

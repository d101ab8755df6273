// How the console speaks with the gateway that serves it: the key, requests, problems, streams.

const KEY = "console.key"; // in sessionStorage
const QUESTION_GAP = 5000; // milliseconds between questions to the servers that nobody clicked for
const LONGEST_PAUSE = 30_000; // milliseconds before a stream is tried again

/** Has "key" when another key is used, and "refusal" (`detail`: the problem) with every 401. */
export const happenings = new EventTarget();

/** Keeps a text until the tab is closed (null: no more), if the browser does. */
export function store(name, text) {
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {}
}
export function stored(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

// The key: from `#key=…`, which is taken out of the address and of the history at once, or from the form.

export let key = keyOfAddress() ?? stored(KEY);
store(KEY, key);
addEventListener("hashchange", () => {
  const text = keyOfAddress();
  if (text !== null) useKey(text);
});

function keyOfAddress() {
  const text = new URLSearchParams(location.hash.slice(1).replaceAll("+", "%2B")).get("key");
  if (text === null) return null;
  history.replaceState(null, "", location.pathname);
  return /^[!-~]+$/.test(text) ? text : null; // what a header can hold
}
/** How many keys have been used. */
export let generation = 0;
export function useKey(text) {
  key = text;
  ++generation;
  store(KEY, text);
  happenings.dispatchEvent(new Event("key"));
}

// Requests

/** What the gateway answered instead of what was asked for (RFC 9457); `status` 0: nothing. */
export class Problem extends Error {
  constructor(status, { detail = `The answer has status ${status}.`, code, errors = [], outcome, requestId }) {
    super(detail);
    const isFinal = status === 501 || (status >= 400 && status < 500 && status !== 429); // no better another time
    Object.assign(this, { status, code, errors, outcome, requestId, isFinal });
  }

  /** What is wrong with one of these fields of the body. */
  at(...fields) {
    return this.errors.filter(({ pointer = "" }) => fields.includes(pointer.split("/")[1])).map(({ pointer, detail }) => `${pointer}: ${detail}`).join("; ");
  }
}
/** The `value` that `ask` comes to, or the `problem`. */
export const outcomeOf = (ask) => ask().then((value) => ({ value }), (error) =>
  ({ problem: error instanceof Problem ? error : new Problem(0, { detail: `${error}` }) }));

async function request(method, path, body, signal) {
  const headers = key === null ? {} : { Authorization: `Bearer ${key}` };
  if (body) headers["Content-Type"] = "application/json";
  const sent = key;
  const response = await fetch(`../${path}`, { method, headers, body, signal, cache: "no-store", credentials: "omit" }).catch(() => {
    throw new Problem(0, { detail: "The gateway does not answer.", ...(method === "POST" && { outcome: "unknown" }) });
  });
  if (response.ok) return response;
  const fields = await response.json().catch(() => ({}));
  const problem = new Problem(response.status, fields);
  // Of an earlier key it says nothing about this one.
  if (response.status === 401 && sent === key) happenings.dispatchEvent(new CustomEvent("refusal", { detail: problem }));
  throw problem;
}
export const get = async (path, query = {}) => (await request("GET", `${path}?${new URLSearchParams(query)}`)).json();
/** A body that is a text is sent as it is. */
export const post = async (path, body) => (await request("POST", path, typeof body === "string" ? body : JSON.stringify(body))).json();
export const getText = async (path) => (await request("GET", path)).text();

// Pulling

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
async function visible() {
  while (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

/** Does `work` again and again while the page is visible, until the function that it returns is called. */
export function repeat(gap, work) {
  let isWanted = true;
  (async () => {
    while (isWanted) {
      await visible();
      if (isWanted) await outcomeOf(() => work(() => isWanted));
      await sleep(gap);
    }
  })();
  return () => (isWanted = false);
}

let next = 0; // when the next question may be asked
let turns = Promise.resolve();

/** A question to the servers that nobody clicked for: five seconds after the last, if it is still wanted then; otherwise null. */
export function question(isWanted, ask) {
  turns = turns.then(async () => {
    while (isWanted() && (document.hidden || performance.now() < next)) await sleep(200);
    if (isWanted()) next = performance.now() + QUESTION_GAP;
    return isWanted();
  });
  return turns.then((isTurn) => (isTurn ? ask() : null));
}

// Streams

/** Server-sent events, read by `fetch`, for `EventSource` cannot send a key. `take(type, data)` gets each; `tell(state, problem)`
 *  "open", "waiting" (to try again) or "refused". The function that it returns ends it. */
export function stream(path, take, tell) {
  let isWanted = true;
  let attempt;
  (async () => {
    for (let pause = 1000; isWanted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      await visible();
      const { signal } = (attempt = new AbortController());
      // A page that the browser keeps for "back" would keep the connection, too, of which there are six.
      addEventListener("pagehide", () => attempt.abort(), { signal });
      let problem;
      try {
        const { body } = await request("GET", path, undefined, signal);
        tell("open");
        pause = 1000;
        await readEvents(body.pipeThrough(new TextDecoderStream()).getReader(), take);
      } catch (error) {
        problem = error;
      }
      attempt.abort();
      if (!isWanted) return;
      tell(problem?.isFinal ? "refused" : "waiting", problem);
      if (problem?.isFinal) return;
      await sleep(pause);
    }
  })();
  return () => {
    isWanted = false;
    attempt?.abort();
  };
}

async function readEvents(reader, take) {
  let [rest, type, data] = ["", "", ""];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (line.startsWith("event:")) type = line.slice(6).trim();
      if (line.startsWith("data:")) data += line.slice(5);
      if (line === "" && data !== "") {
        take(type, JSON.parse(data));
        data = "";
      }
    }
  }
}

// What the key may do

/** What `GET /v1/me` has said. */
export let me = null;
export const setMe = (said) => (me = said);
export const may = (scope) => me.name === null || me.scopes.includes(scope);
export const mayReachAll = () => me.rooms.includes("*");
/** What the rooms begin with that the key may list, by its first glob that says so. */
export const firstPrefix = () => (me.rooms.find((glob) => /^[^*]*\*$/.test(glob)) ?? "").slice(0, -1);

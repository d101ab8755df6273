// Emits Socket.IO events through socketio-gateway. One file, no dependencies.
//
// What an answer and an error hold is the gateway's contract: `GET /openapi.yaml`, `GET /problems`.

import { randomUUID } from "node:crypto";
import http from "node:http";
import https from "node:https";
import { setTimeout as sleep } from "node:timers/promises";

export const VERSION = "0.2.0";
const LONGEST_PAUSE = 2000; // milliseconds, unless `Retry-After` says more
const MOST_READ = 64 << 20; // bytes of an answer

/** What was asked for was not done, or nobody knows whether it was: see `outcome`. */
export class GatewayError extends Error {
  constructor(status, code, detail, problem = {}) {
    super(`${code}: ${detail}`);
    this.name = "GatewayError";
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.outcome = problem.outcome;
    this.retryable = problem.retryable === true;
    this.errors = problem.errors ?? [];
    this.requestId = problem.requestId;
  }
}

/** Whom it is for, and how. Every call that narrows it gives a new one, so one may be kept and used again. */
export class Emitter {
  #sink;
  #fields;
  #options;

  constructor(sink, fields = {}, options = { timeout: 5000, mode: "all" }) {
    this.#sink = sink;
    this.#fields = fields;
    this.#options = options;
  }

  of(namespace) {
    return this.#with({ namespace });
  }

  to(...rooms) {
    return this.#more("rooms", rooms);
  }

  in(...rooms) {
    return this.to(...rooms);
  }

  except(...rooms) {
    return this.#more("except", rooms);
  }

  exceptSockets(...ids) {
    return this.#more("exceptSockets", ids);
  }

  get volatile() {
    return this.#with({ volatile: true });
  }

  get unconfirmed() {
    return this.#with({ confirm: "none" });
  }

  compress(compress) {
    return this.#with({ compress });
  }

  timeout(milliseconds) {
    return new Emitter(this.#sink, this.#fields, { ...this.#options, timeout: milliseconds });
  }

  get first() {
    return new Emitter(this.#sink, this.#fields, { ...this.#options, mode: "first" });
  }

  idempotencyKey(key) {
    return new Emitter(this.#sink, this.#fields, { ...this.#options, key });
  }

  emit(event, ...args) {
    return this.#call("/v1/emit", { ...this.#fields, event, args });
  }

  emitWithAck(event, ...args) {
    const { mode, timeout } = this.#options;
    return this.#call("/v1/emit", { ...this.#fields, event, args, ack: { mode, timeoutMs: timeout } }, timeout);
  }

  dryRun(event, ...args) {
    return this.#call("/v1/emit", { ...this.#fields, event, args, dryRun: true }, 5000);
  }

  serverSideEmit(event, ...args) {
    return this.#call("/v1/servers/emit", { ...this.#fields, event, args });
  }

  serverSideEmitWithAck(event, ...args) {
    const { timeout } = this.#options;
    return this.#call("/v1/servers/emit", { ...this.#fields, event, args, ack: { timeoutMs: timeout } }, timeout);
  }

  socketsJoin(rooms) {
    return this.#call("/v1/sockets/join", { ...this.#selection(), rooms: [rooms].flat() }, 5000);
  }

  socketsLeave(rooms) {
    return this.#call("/v1/sockets/leave", { ...this.#selection(), rooms: [rooms].flat() }, 5000);
  }

  disconnectSockets(close = false) {
    return this.#call("/v1/sockets/disconnect", { ...this.#selection(), close }, 5000);
  }

  async fetchSockets() {
    const sockets = [];
    for (let cursor; cursor !== null; ) {
      const page = await this.#call("/v1/sockets/query", { ...this.#fields, cursor }, 5000);
      if (!page.complete) {
        const detail = `not all servers have answered: ${JSON.stringify(page.servers)}`;
        throw new GatewayError(200, "incomplete", detail, { retryable: true });
      }
      sockets.push(...page.sockets);
      cursor = page.nextCursor;
    }
    return sockets;
  }

  counts() {
    return this.#call("/v1/counts", this.#fields, 5000);
  }

  // What does not fit, `volatile` or so, is passed on all the same: the gateway refuses it.
  #selection() {
    const { rooms, ...fields } = this.#fields;
    return rooms === undefined ? { ...fields, all: true } : { ...fields, in: rooms };
  }

  #with(fields) {
    return new Emitter(this.#sink, { ...this.#fields, ...fields }, this.#options);
  }

  #more(name, names) {
    return this.#with({ [name]: [...(this.#fields[name] ?? []), ...names.flat()] });
  }

  #call(path, body, wait = 0) {
    return this.#sink.call(path, body, wait, this.#options.key);
  }
}

/** The gateway at a URL. Keeps its connections; they do not keep the process alive. */
export class Gateway extends Emitter {
  #client;

  constructor(url = "http://127.0.0.1:8080", options = {}) {
    const client = new Client(url, options);
    super(client);
    this.#client = client;
  }

  batch() {
    return new Batch(this.#client);
  }

  close() {
    this.#client.agent.destroy();
  }
}

/** Emits that are sent together, in their order. Nothing leaves before `send`. */
export class Batch extends Emitter {
  #client;
  #items;

  constructor(client) {
    const items = [];
    super({
      call(path, body, _wait, key) {
        if (path !== "/v1/emit" || body.ack || key !== undefined) {
          throw new TypeError("a batch takes emits alone, without acknowledgements or keys of their own");
        }
        items.push(encoded(body)); // as it is now
      },
    });
    this.#client = client;
    this.#items = items;
  }

  async send({ idempotencyKey } = {}) {
    const data = `{"items":[${this.#items.splice(0).join(",")}]}`;
    return this.#client.attempt("/v1/batch", data, 5000, idempotencyKey);
  }
}

class Client {
  constructor(url, { key, timeout = 10_000, retryFor = 30_000, ...tls }) {
    this.url = new URL(url);
    const secure = this.url.protocol === "https:";
    if (!secure && this.url.protocol !== "http:") throw new TypeError(`not the URL of a gateway: ${url}`);
    this.module = secure ? https : http;
    this.agent = new this.module.Agent({ keepAlive: true, ...tls });
    this.timeout = timeout;
    this.retryFor = retryFor;
    this.headers = { "Content-Type": "application/json", "User-Agent": `socketio-gateway-emitter-node/${VERSION}` };
    if (key !== undefined) this.headers.Authorization = `Bearer ${checked(key)}`;
  }

  async call(path, body, wait, key) {
    return this.attempt(path, encoded(body), wait, key);
  }

  async attempt(path, data, wait, key) {
    const headers = { ...this.headers, "Content-Length": Buffer.byteLength(data) };
    // Questions do nothing: asked again, they are answered anew.
    if (!/\/(query|counts)$/.test(path)) headers["Idempotency-Key"] = checked(key ?? randomUUID());
    const end = performance.now() + this.retryFor;
    let unsettled = false; // an attempt was lost: it may have got through
    for (let attempt = 0; ; attempt += 1) {
      let pause = Math.min(100 * 2 ** Math.min(attempt, 10), LONGEST_PAUSE) * (0.5 + Math.random() / 2);
      let error;
      let again;
      try {
        const { status, fields, answer } = await this.exchange(path, data, headers, this.timeout + wait);
        if (status >= 200 && status < 300 && isAnswer(path, answer)) return answer;
        const results = path === "/v1/batch" && areResults(answer?.results) ? answer.results : undefined;
        if (results && !results.every(({ problem }) => problem?.retryable)) return answer;
        const problem = results ? results[0].problem : answer;
        if (isProblem(problem)) {
          error = new GatewayError(status, problem.code, problem.detail, problem);
          again = error.retryable;
        } else { // of something between, which may have passed it on
          error = new GatewayError(status, "bad_answer", `the status is ${status}`);
          again = [408, 429, 502, 503, 504].includes(status);
          unsettled ||= again || status >= 500 || status < 400;
        }
        unsettled ||= error.code === "idempotency_key_in_flight";
        if (/^\d+$/.test(fields["retry-after"] ?? "")) pause = Math.max(pause, 1000 * fields["retry-after"]);
      } catch (lost) {
        if (!(lost instanceof Lost)) throw lost;
        unsettled ||= lost.sent;
        error = new GatewayError(undefined, "no_answer", lost.message, { retryable: lost.again });
        error.cause = lost.cause;
        again = lost.again;
      }
      if (!again || performance.now() + pause > end) {
        if (unsettled) {
          error.outcome = "unknown";
          error.retryable = false;
        }
        throw error;
      }
      await sleep(pause);
    }
  }

  exchange(path, data, headers, timeout) {
    return new Promise((resolve, reject) => {
      let sent = false;
      const request = this.module.request(new URL(this.url.pathname.replace(/\/$/, "") + path, this.url), {
        method: "POST",
        agent: this.agent,
        headers,
      });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeout} ms`)), timeout);
      const lost = (error) => {
        clearTimeout(timer);
        const again = !/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_CERT|ERR_INVALID)/.test(error.code ?? "");
        reject(new Lost(`${sent ? "the connection was lost" : "there is no connection to the gateway"}: ${error.message}`, error, sent, again));
      };
      request.on("socket", (socket) => {
        const event = this.module === https ? "secureConnect" : "connect";
        if (!socket.connecting) sent = true;
        else socket.once(event, () => (sent = true));
      });
      request.on("error", lost);
      request.on("response", (response) => {
        const parts = [];
        let size = 0;
        response.on("data", (part) => {
          size += part.length;
          parts.push(part);
          if (size <= MOST_READ) return;
          clearTimeout(timer);
          resolve({ status: response.statusCode, fields: response.headers });
          request.destroy();
        });
        response.on("error", lost);
        response.on("end", () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode, fields: response.headers, answer: parsed(Buffer.concat(parts)) });
        });
      });
      request.end(data);
    });
  }
}

class Lost extends Error {
  constructor(message, cause, sent, again) {
    super(message, { cause });
    this.sent = sent;
    this.again = again;
  }
}

function parsed(text) {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

// What a header can hold as it is. The error does not say it: it may be a secret.
function checked(key) {
  if (/^$|[^ -~]|^ | $/.test(key)) throw new TypeError("a key is printable ASCII, is not empty, and has no spaces or line ends around it");
  return key;
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// The gateway's own word that something failed. What stands between has codes, too, which mean nothing here.
function isProblem(answer) {
  if (!isObject(answer)) return false;
  const { type, code, detail, retryable, outcome = "unknown", requestId = "", errors = [] } = answer;
  const isOurs = [type, code, detail, requestId].every((text) => typeof text === "string") && type.startsWith("/problems#");
  return isOurs && typeof retryable === "boolean" && outcome === "unknown" && Array.isArray(errors) && errors.every(isObject);
}

const areResults = (results) =>
  Array.isArray(results) &&
  results.length > 0 &&
  results.every((result) => isObject(result) && Number.isInteger(result.status) && (result.problem === undefined || isProblem(result.problem)));

// Whether it has what an answer of the gateway there always has: what stands between says 200, too.
function isAnswer(path, answer) {
  if (!isObject(answer)) return false;
  if (path === "/v1/batch") return areResults(answer.results);
  if (path === "/v1/counts") return "sockets" in answer;
  if (path === "/v1/sockets/query") {
    const { sockets, nextCursor, complete } = answer;
    return Array.isArray(sockets) && (nextCursor === null || typeof nextCursor === "string") && typeof complete === "boolean";
  }
  return typeof answer.status === "string" || (path === "/v1/servers/emit" && Array.isArray(answer.responses));
}

// As JSON, with `{"$binary": …}` for buffers and views wherever they stand; `binary` is then set.
function encoded(body) {
  const ours = new WeakSet();
  let bytes = false;
  let named = false;
  function encode(key, value) {
    const original = this[key]; // a Buffer has a `toJSON`, whose result comes as `value`
    const isView = ArrayBuffer.isView(original);
    if (isView || original instanceof ArrayBuffer) {
      const buffer = isView ? Buffer.from(original.buffer, original.byteOffset, original.byteLength) : Buffer.from(original);
      const replaced = { $binary: buffer.toString("base64") };
      ours.add(replaced);
      bytes = true;
      return replaced;
    }
    if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`${value} cannot be sent as JSON`);
    if (key === "$binary" && !ours.has(this)) named = true;
    return value;
  }
  const text = JSON.stringify(body, encode);
  if (!bytes) return text;
  if (named) throw new TypeError("data with a key '$binary' cannot go beside bytes");
  return `${text.slice(0, -1)},"binary":true}`;
}

/**
 * Tells gateways who comes, who goes, and which rooms live, as long as one of them wants to hear it.
 * (docs/cluster-protocol.md, "Events")
 */

import { NOTHING, halvesOf, sizeOf } from "./changes.js";
import { check, isObject, MessageType } from "./protocol.js";
import { Wanted } from "./wanted.js";
import { Watch } from "./watch.js";

/** After the first change, others join it in one message for so many milliseconds. */
const GATHERING_MS = 100;
/** With so many nobody waits any longer. */
const MOST_CHANGES = 500;
/** Of a message. */
const MOST_BYTES = 1024 * 1024;
/** Milliseconds between two looks at whether somebody still wants it, and whether adapters are still the same. */
const FOLLOWING_MS = 1_000;

/** @implements {import("./link.js").Resource} */
export class Events {
  #uid;
  #publish;
  #mostBytes;
  #wanted = new Wanted();
  /** Namespaces of this server: name to what gives Socket.IO's. */
  #lookups = new Map();
  /** Those about which something is collected. */
  #told = new Map();
  /** Last numbers of those about which nothing is collected. */
  #seqs = new Map();
  #firstSeq = 0;
  #isConnected = false;
  #isCollecting = false;
  #timer = null;
  #immediate = null;
  #following = null;

  /**
   * @param {object} settings
   * @param {string} settings.uid
   * @param {(content: Buffer) => boolean} settings.publish to the key of events; false if it could not be sent
   * @param {() => number} settings.mostBytes that RabbitMQ takes, as far as is known
   */
  constructor({ uid, publish, mostBytes }) {
    this.#uid = uid;
    this.#publish = publish;
    this.#mostBytes = mostBytes;
  }

  /**
   * @param {any} data of a gateway's message
   * @throws {import("./protocol.js").ProtocolError}
   */
  want(data) {
    check(isObject(data) && Number.isFinite(data.intervalMs), "intervalMs is no number");
    check(data.members === undefined || typeof data.members === "boolean", "members is no boolean");
    this.#wanted.hear({ intervalMs: data.intervalMs, members: data.members === true }, Date.now());
    this.#follow();
  }

  /** @param {() => any} lookup gives Socket.IO's namespace, with the adapter that it has by now */
  add(name, lookup) {
    this.#lookups.set(name, lookup);
    if (this.#isCollecting) this.#begin(name, { isNew: true });
  }

  /** @param {() => any} lookup as it was added: the name may be that of another one by now */
  remove(name, lookup) {
    if (this.#lookups.get(name) !== lookup) return;
    this.#lookups.delete(name);
    this.#end(name);
    // If it comes back it goes on behind that; clients can make namespaces without end.
    this.#firstSeq = Math.max(this.#firstSeq, this.#seqs.get(name) ?? 0);
    this.#seqs.delete(name);
  }

  async start() {}

  started() {
    this.#isConnected = true;
    this.#follow();
  }

  /** What was sent may not have arrived. */
  lost() {
    this.#isConnected = false;
    this.#follow();
  }

  async stop() {
    this.lost();
  }

  /** RabbitMQ has not taken something that was published. */
  missed() {
    for (const told of this.#told.values()) told.hasMissed = true;
    if (this.#told.size > 0) this.#flushSoon();
  }

  /**
   * Tells what has been collected of a namespace.
   *
   * @returns {number | undefined} the number of the last message; none if nothing is collected
   */
  seqOf(name) {
    this.#follow();
    const told = this.#told.get(name);
    if (told === undefined) return undefined;
    this.#tell(name, told);
    return told.hasMissed ? undefined : told.seq;
  }

  /** A gateway gets a list of rooms: see Changes. */
  compare(name, listed, covers) {
    const told = this.#told.get(name);
    if (told === undefined) return;
    told.watch.changes.compare(listed, covers);
    if (told.watch.changes.count > 0) this.#noted(told);
  }

  /** Tells what has been collected. */
  flush() {
    this.#follow();
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    [this.#timer, this.#immediate] = [null, null];
    for (const [name, told] of this.#told) this.#tell(name, told);
  }

  /** Starts or stops, if it is time. */
  #follow() {
    const isWanted = this.#isConnected && this.#wanted.events(Date.now());
    if (isWanted && !this.#isCollecting) this.#startCollecting();
    else if (!isWanted && this.#isCollecting) this.#stopCollecting();
    for (const [name, { watch }] of this.#told) if (!watch.isOf(this.#lookups.get(name)())) this.#replace(name);
  }

  #startCollecting() {
    this.#isCollecting = true;
    this.#following = setInterval(() => this.#follow(), FOLLOWING_MS);
    this.#following.unref();
    for (const name of this.#lookups.keys()) this.#begin(name, { isNew: false });
  }

  #stopCollecting() {
    this.#isCollecting = false;
    clearInterval(this.#following);
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    [this.#timer, this.#immediate] = [null, null];
    for (const name of [...this.#told.keys()]) this.#end(name);
  }

  #begin(name, { isNew }) {
    const namespace = this.#lookups.get(name)();
    if (namespace?.adapter === undefined) return;
    const told = { seq: this.#seqs.get(name) ?? this.#firstSeq, hasMissed: true, watch: null };
    told.watch = new Watch(namespace, {
      noted: () => this.#noted(told),
      wantsMembers: () => this.#wanted.members(Date.now()),
      isNew,
    });
    this.#told.set(name, told);
    this.#flushSoon();
  }

  #end(name) {
    const told = this.#told.get(name);
    if (told === undefined) return;
    told.watch.stop();
    this.#told.delete(name);
    this.#seqs.set(name, told.seq);
  }

  /** It has another adapter, or is another namespace of that name. */
  #replace(name) {
    this.#end(name);
    this.#begin(name, { isNew: false });
  }

  #noted(told) {
    if (told.watch !== null && told.watch.changes.count >= MOST_CHANGES) return this.#flushSoon();
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => this.flush(), GATHERING_MS);
    this.#timer.unref();
  }

  /** Not from inside the application's own call. */
  #flushSoon() {
    this.#immediate ??= setImmediate(() => this.flush());
  }

  #tell(name, told) {
    if (told.hasMissed) this.#sayThatSomethingWasMissed(name, told);
    const { changes } = told.watch;
    if (!told.hasMissed && changes.count > 0) this.#send(name, told, changes.take(told.watch.exists));
    if (told.hasMissed) this.#noted(told);
  }

  #sayThatSomethingWasMissed(name, told) {
    if (told.seq > 0) told.seq += 1;
    told.hasMissed = false;
    this.#send(name, told, NOTHING);
  }

  #send(name, told, entries) {
    if (told.hasMissed) return;
    const content = this.#contentOf(name, told.seq + 1, entries);
    if (content.length <= Math.min(MOST_BYTES, this.#mostBytes())) {
      told.seq += 1;
      if (!this.#publish(content)) told.hasMissed = true;
    } else if (sizeOf(entries) > 1) {
      for (const half of halvesOf(entries)) this.#send(name, told, half);
    } else if (sizeOf(entries) === 1) {
      this.#sayThatSomethingWasMissed(name, told);
    }
  }

  #contentOf(nsp, seq, entries) {
    const lists = Object.fromEntries(Object.entries(entries).filter(([, list]) => list.length > 0));
    return Buffer.from(JSON.stringify({ uid: this.#uid, nsp, type: MessageType.EVENTS, data: { seq, ...lists } }));
  }
}

/** Real servers and clients, and a gateway that says exactly what a test wants; all of them gone with `close`. */

import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { packages } from "./packages.js";
import { eventually } from "../support/eventually.js";

const HEARTBEAT_MS = 300;
const SETTLING_MS = 300;

export class Stage {
  #url;
  #ends = [];
  #lastEnds = [];
  /** What `onError` was told, of all servers. */
  errors = [];

  constructor(url) {
    this.#url = url;
    this.exchange = `test.${randomBytes(6).toString("hex")}`;
  }

  connect = () => packages.amqplib.connect(this.#url);

  atClose(end) {
    this.#ends.push(end);
  }

  /** For connections of adapters that are not ours: closed when what they have under way has settled. */
  atEnd(end) {
    this.#lastEnds.push(end);
  }

  /** Options as an application gives them; each stage has an exchange of its own. */
  options(more = {}) {
    return {
      connection: this.connect,
      exchange: this.exchange,
      heartbeatInterval: HEARTBEAT_MS,
      heartbeatTimeout: 5_000,
      requestsTimeout: 2_000,
      onError: (error, context) => this.errors.push({ error, context }),
      ...more,
    };
  }

  /** A server with our adapter. */
  server({ options = {}, ...serverOptions } = {}) {
    const adapter = packages.createAdapter(this.options(options));
    return this.listen(new packages.Server({ adapter, ...serverOptions }));
  }

  /** A server with another adapter (in-memory unless given), and the responder beside it. */
  async companion({ options = {}, ...serverOptions } = {}) {
    const server = await this.listen(new packages.Server(serverOptions));
    server.gateway = packages.attachGateway(server.io, this.options(options));
    this.#ends.push(() => server.gateway.close());
    return server;
  }

  /** Two or more servers that know each other. */
  async cluster(count, options = {}) {
    const each = (index) => (Array.isArray(options) ? options[index] : options);
    const servers = await Promise.all(Array.from({ length: count }, (_, index) => this.server(each(index))));
    await this.acquainted(servers);
    return servers;
  }

  async acquainted(servers, namespace = "/") {
    for (const { io } of servers) {
      const complete = async () => (await io.of(namespace).adapter.serverCount()) === servers.length;
      await eventually(complete, { withinMs: 15_000, what: `a cluster of ${servers.length}` });
    }
  }

  async listen(io) {
    const http = createServer();
    io.attach(http);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const server = { io, url: `http://127.0.0.1:${http.address().port}` };
    this.#ends.push(() => io.close());
    return server;
  }

  /** @returns connected, with everything that it received in `received`: `[event, ...arguments]` */
  async client(server, { namespace = "/", auth, join = [], acks = true } = {}) {
    const client = packages.connect(server.url + namespace, { transports: ["websocket"], forceNew: true, auth });
    this.#ends.push(() => client.close());
    client.received = [];
    client.onAny((...event) => {
      client.received.push(event.filter((argument) => typeof argument !== "function"));
      if (acks && typeof event.at(-1) === "function") event.at(-1)(...(client.answer ?? [client.id]));
    });
    const { adapter } = server.io.of(namespace);
    await eventually(() => client.connected && adapter.sids.has(client.id));
    client.socket = server.io.of(namespace).sockets.get(client.id);
    if (join.length > 0) await client.socket.join(join);
    return client;
  }

  async gateway() {
    const connection = await this.connect();
    connection.on("error", () => {});
    const gateway = new Gateway(connection, this.exchange);
    await gateway.open();
    this.#ends.push(() => gateway.close());
    return gateway;
  }

  async close() {
    for (const end of this.#ends.reverse()) await Promise.resolve(end()).catch(() => {});
    this.#ends = [];
    if (this.#lastEnds.length > 0) await sleep(SETTLING_MS);
    for (const end of this.#lastEnds.splice(0)) await Promise.resolve(end()).catch(() => {});
  }
}

class Gateway {
  #connection;
  #exchange;
  #channel;
  #waiting = new Map();
  /** What came to `#presence`. */
  presence = [];
  /** What came to `#events`, once it was wanted. */
  events = [];

  constructor(connection, exchange) {
    this.#connection = connection;
    this.#exchange = exchange;
  }

  async open() {
    this.#channel = await this.#connection.createChannel();
    await this.#channel.assertExchange(this.#exchange, "direct", { durable: false, autoDelete: false });
    await this.#channel.consume("amq.rabbitmq.reply-to", (message) => this.#onAnswer(message), { noAck: true });
    const { queue } = await this.#channel.assertQueue("", { exclusive: true });
    const onPresence = ({ content }) => this.presence.push(JSON.parse(content));
    await this.#channel.consume(queue, onPresence, { noAck: true });
    await this.#channel.bindQueue(queue, this.#exchange, "#presence");
  }

  send(key, message, options = {}) {
    const content = Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message));
    this.#channel.publish(this.#exchange, key, content, options);
  }

  /** Says that it wants events, for the next three minutes. */
  async want({ members = true } = {}) {
    const { queue } = await this.#channel.assertQueue("", { exclusive: true });
    await this.#channel.consume(queue, ({ content }) => this.events.push(JSON.parse(content)), { noAck: true });
    await this.#channel.bindQueue(queue, this.#exchange, "#events");
    this.send("#events-wanted", { uid: "emitter", type: 21, data: { intervalMs: 60_000, members } });
  }

  /** A message that nobody answers. */
  tell(type, data, nsp = "/") {
    this.send(nsp, { uid: "emitter", nsp, type, data: { opts: { rooms: [], except: [], flags: {} }, ...data } });
  }

  /** @returns {Promise<boolean>} whether the key is bound */
  async probe(key) {
    const channel = await this.#connection.createConfirmChannel();
    let isBound = true;
    channel.on("return", () => (isBound = false));
    channel.publish(this.#exchange, key, Buffer.from('{"uid":"emitter","type":2}'), { mandatory: true });
    await channel.waitForConfirms();
    await channel.close();
    return isBound;
  }

  discover() {
    this.presence = [];
    this.send("#discover", { uid: "emitter", type: 1 });
  }

  /**
   * @param {number} count of answers to wait for
   * @returns {Promise<any[]>} the answers, checked for their outer form
   */
  async ask(type, data, { nsp = "/", key = nsp, count = 1, withinMs = 5_000 } = {}) {
    const requestId = randomBytes(16).toString("hex");
    const answers = [];
    this.#waiting.set(requestId, answers);
    const message = {
      uid: "emitter",
      nsp,
      type,
      data: { opts: { rooms: [], except: [], flags: {} }, ...data, requestId },
    };
    this.send(key, message, { replyTo: "amq.rabbitmq.reply-to", correlationId: requestId });
    const complete = () => answers.length >= count;
    await eventually(complete, { withinMs, what: `${count} answers to type ${type}` });
    for (const answer of answers) {
      if (answer.nsp !== nsp || answer.data.requestId !== requestId) throw new Error("answer to another question");
    }
    return answers;
  }

  async close() {
    await this.#connection.close();
  }

  #onAnswer({ content, properties }) {
    this.#waiting.get(properties.correlationId)?.push({ ...JSON.parse(content), text: content.toString() });
  }
}

/** RabbitMQ and amqplib in memory, as far as this package uses them. Replies take a turn of the event loop. */

import { EventEmitter } from "node:events";
import { setImmediate as turn } from "node:timers/promises";

export class BrokerDouble {
  connections = [];
  /** What was published: `{exchange, key, content, options}` */
  published = [];
  /** Binding keys, as `bind key` or `unbind key`. */
  bindings = [];
  isDown = false;
  /** A larger message closes its channel, and what was published behind it there is lost. */
  maxMessageSize = Infinity;
  /** Promise that bindings wait for. */
  bindGate = null;
  #queues = new Map();
  #queueCount = 0;

  connect = async () => {
    await turn();
    if (this.isDown) throw new Error("connect ECONNREFUSED");
    const connection = new ConnectionDouble(this);
    this.connections.push(connection);
    return connection;
  };

  get connection() {
    return this.connections.at(-1);
  }

  get queueCount() {
    return this.#queues.size;
  }

  get keys() {
    return [...this.#queues.values()].flatMap(({ keys }) => [...keys]).sort();
  }

  declareQueue(owner) {
    const queue = `amq.gen-${++this.#queueCount}`;
    this.#queues.set(queue, { owner, keys: new Set(), deliver: null });
    return queue;
  }

  queue(name) {
    return this.#queues.get(name);
  }

  deleteQueue(name) {
    this.#queues.get(name)?.deliver?.(null);
    this.#queues.delete(name);
  }

  deleteAllQueues() {
    for (const name of [...this.#queues.keys()]) this.deleteQueue(name);
  }

  drop(owner) {
    for (const [name, queue] of this.#queues) if (queue.owner === owner) this.#queues.delete(name);
  }

  route(exchange, key, content, options) {
    this.published.push({ exchange, key, content, options });
    const keys = [key, ...(options.CC ?? [])];
    const properties = { replyTo: options.replyTo, correlationId: options.correlationId };
    const fields = { routingKey: key };
    for (const queue of this.#queues.values()) {
      if (exchange !== "" && keys.some((each) => queue.keys.has(each))) queue.deliver?.({ content, properties, fields });
    }
  }

  /** As somebody else: a gateway, or a server. */
  send(key, message, properties = {}) {
    const content = Buffer.isBuffer(message) ? message : Buffer.from(JSON.stringify(message));
    this.route("socket.io.cluster", key, content, properties);
  }

  /** Messages to a key, or to the default exchange with `replyTo` as key. */
  sent(key) {
    return this.published.filter((each) => each.key === key).map(({ content }) => JSON.parse(content));
  }
}

class ConnectionDouble extends EventEmitter {
  channels = [];
  isClosed = false;

  constructor(broker) {
    super();
    this.broker = broker;
  }

  async createChannel() {
    await turn();
    if (this.isClosed) throw illegal("Connection closed");
    const channel = new ChannelDouble(this);
    this.channels.push(channel);
    return channel;
  }

  /** As amqplib: channels first, then the error, then the close. */
  fail(error = new Error("CONNECTION_FORCED")) {
    for (const channel of this.channels) channel.end();
    this.isClosed = true;
    this.emit("error", error);
    this.emit("close", error);
  }

  async close() {
    await turn();
    if (this.isClosed) throw illegal("Connection closed");
    for (const channel of this.channels) channel.end();
    this.isClosed = true;
    this.emit("close");
  }
}

class ChannelDouble extends EventEmitter {
  isClosed = false;
  hasRoom = true;
  #last = Promise.resolve();
  #isRefused = false;

  constructor(connection) {
    super();
    this.connection = connection;
    this.broker = connection.broker;
  }

  async assertExchange(name, type, options) {
    await this.#answer();
    this.exchange = { name, type, ...options };
  }

  async assertQueue(name, options) {
    await this.#answer();
    this.queueOptions = options;
    return { queue: this.broker.declareQueue(this) };
  }

  async consume(queue, onMessage, options) {
    await this.#answer();
    this.consumeOptions = options;
    this.broker.queue(queue).deliver = onMessage;
    return { consumerTag: queue };
  }

  async cancel(consumerTag) {
    await this.#answer();
    const queue = this.broker.queue(consumerTag);
    if (queue) queue.deliver = null;
    this.broker.deleteQueue(consumerTag);
  }

  async bindQueue(queue, exchange, key) {
    if (Buffer.byteLength(key) > 255) throw new RangeError("key too long");
    await this.#answer(this.broker.bindGate);
    this.broker.queue(queue)?.keys.add(key);
    this.broker.bindings.push(`bind ${key}`);
  }

  async unbindQueue(queue, exchange, key) {
    await this.#answer();
    this.broker.queue(queue)?.keys.delete(key);
    this.broker.bindings.push(`unbind ${key}`);
  }

  publish(exchange, key, content, options) {
    if (this.isClosed) throw illegal("Channel closed");
    if (!this.#isRefused && content.length > this.broker.maxMessageSize) {
      this.#isRefused = true;
      setImmediate(() => this.fail(tooLarge(content.length, this.broker.maxMessageSize)));
    }
    if (this.#isRefused) return this.hasRoom;
    this.broker.route(exchange, key, content, options);
    return this.hasRoom;
  }

  async prefetch() {
    await this.#answer();
  }

  async close() {
    await turn();
    if (this.isClosed) throw illegal("Channel closed");
    this.end();
  }

  fail(error) {
    this.emit("error", error);
    this.end();
  }

  end() {
    if (this.isClosed) return;
    this.isClosed = true;
    this.broker.drop(this);
    this.emit("close");
  }

  /** In order, one at a time. */
  async #answer(gate) {
    this.#last = this.#last.then(() => turn()).then(() => gate);
    await this.#last;
    if (this.isClosed) throw new Error("Channel ended, no reply will be forthcoming");
  }
}

/** As amqplib 2.0.1 has it of RabbitMQ 3.10.8. */
function tooLarge(bytes, most) {
  const text = `PRECONDITION_FAILED - message size ${bytes} is larger than configured max size ${most}`;
  const message = `Channel closed by server: 406 (PRECONDITION-FAILED) with message "${text}"`;
  return Object.assign(new Error(message), { code: 406, classId: 60, methodId: 40 });
}

function illegal(message) {
  return Object.assign(new Error(message), { name: "IllegalOperationError" });
}

/** A responder between doubles of Socket.IO and of the broker, new for each test of a file. */

import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { attachGateway } from "../../lib/attach-gateway.js";
import { BrokerDouble } from "./broker-double.js";
import { eventually } from "./eventually.js";
import { ServerDouble } from "./socket-io-double.js";

export class Companions {
  /** @param {object} [options] of attachGateway */
  constructor(options = {}) {
    beforeEach(async () => {
      this.broker = new BrokerDouble();
      this.io = new ServerDouble();
      this.reported = [];
      this.attach(options);
      await this.presenceOf("/");
    });
    afterEach(() => this.gateway.close());
  }

  attach(options = {}) {
    const onError = (error, context) => this.reported.push({ error, context });
    const given = { connection: this.broker.connect, heartbeatInterval: 100, onError, ...options };
    this.gateway = attachGateway(this.io, given);
  }

  get presence() {
    return this.broker.sent("#presence");
  }

  presenceOf = (namespace) => eventually(() => this.presence.at(-1)?.namespaces.includes(namespace));

  opts = (...rooms) => ({ opts: { rooms, except: [], flags: {} } });

  /** Asks, and waits a moment for all answers: messages, each with its own `text`. */
  ask = async (type, data, { nsp = "/" } = {}) => {
    const requestId = `r${this.broker.published.length}`;
    const message = { uid: "emitter", nsp, type, data: { ...this.opts(), ...data, requestId } };
    this.broker.send(nsp, message, { replyTo: `reply ${requestId}`, correlationId: requestId });
    await sleep(20);
    const answers = this.broker.published.filter(({ key }) => key === `reply ${requestId}`);
    for (const { exchange, options } of answers) {
      assert.equal(exchange, "");
      assert.deepEqual(options, { contentType: "application/json", correlationId: requestId });
    }
    return answers.map(({ content }) => ({ ...JSON.parse(content), text: content.toString() }));
  };

  /** What nobody answers. */
  tell = (type, data) => this.broker.send("/", { uid: "emitter", nsp: "/", type, data: { ...this.opts(), ...data } });
}

/** Servers of every kind that answer gateways, each with a way to start it on a stage. */

import { setTimeout as sleep } from "node:timers/promises";
import { packages } from "./packages.js";

/** An adapter that reaches all servers in a way of its own, and cannot do acknowledgements: as socket.io-amqp0. */
function stubbornAdapter(Adapter) {
  return class StubbornAdapter extends Adapter {
    fetchSockets() {
      return Promise.reject(new Error("asked all servers"));
    }

    addSockets() {
      throw new Error("told all servers");
    }

    broadcast() {
      throw new Error("told all servers");
    }

    broadcastWithAck() {}

    async addAll(id, rooms) {
      await sleep(30); // a binding somewhere
      super.addAll(id, rooms);
    }
  };
}

/** An adapter that keeps rooms in its own way, a moment later, calls no `super` and emits nothing: as socket.io-amqp0. */
function silentAdapter(Adapter) {
  return class SilentAdapter extends Adapter {
    async addAll(id, rooms) {
      if (!this.sids.has(id)) this.sids.set(id, new Set());
      for (const room of rooms) {
        await null;
        this.sids.get(id)?.add(room);
        if (!this.rooms.has(room)) this.rooms.set(room, new Set());
        this.rooms.get(room).add(id);
      }
    }

    async del(id, room) {
      await null;
      this.sids.get(id)?.delete(room);
      this.rooms.get(room)?.delete(id);
      if (this.rooms.get(room)?.size === 0) this.rooms.delete(room);
    }

    async delAll(id) {
      for (const room of this.sids.get(id) ?? []) await this.del(id, room);
      this.sids.delete(id);
    }
  };
}

/** Beside which events have to be told all the same. */
export const withSilentAdapter = (stage) => stage.companion({ adapter: silentAdapter(packages.adapterPackage.Adapter) });

export const SERVERS = {
  "the adapter, static": (stage) => stage.server({ options: { subscriptionMode: "static" } }),
  "the adapter, dynamic": (stage) => stage.server({ options: { subscriptionMode: "dynamic" } }),
  "attachGateway beside the in-memory adapter": (stage) => stage.companion(),
  "attachGateway beside an adapter of its own kind": (stage) => {
    const { Adapter } = packages.adapterPackage;
    return stage.companion({ adapter: stubbornAdapter(Adapter) });
  },
};

if (packages.amqp0) SERVERS["attachGateway beside socket.io-amqp0"] = besideAmqp0;

async function besideAmqp0(stage, options = {}) {
  const exchangeName = `${stage.exchange}.amqp0`;
  await keepExchange(stage, exchangeName);
  const adapter = amqp0Adapter(stage, { exchangeName, queuePrefix: exchangeName });
  return stage.companion({ adapter, ...options });
}

/** socket.io-amqp0's, with a connection that is closed at the end. */
export function amqp0Adapter(stage, settings) {
  const amqpConnection = async () => {
    const connection = await stage.connect();
    stage.atEnd(() => connection.close());
    return connection;
  };
  return packages.amqp0.createAdapter({ amqpConnection, ...settings });
}

/**
 * socket.io-amqp0 7.0.2 starts twice at once, and its exchange goes with the last queue: if that is between the declaration
 * and the binding of the other start, its connection is closed with 404, and the adapter tries to open channels on it
 * without a pause, for ever. While another queue is bound, the exchange stays.
 */
export async function keepExchange(stage, name) {
  const connection = await stage.connect();
  stage.atEnd(() => connection.close());
  const channel = await connection.createChannel();
  await channel.assertExchange(name, "direct", { durable: false, autoDelete: true });
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, name, "kept");
}

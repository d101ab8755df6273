/** A Socket.IO server with sockets that note what happens to them, and an adapter whose own methods must not be used. */

import { EventEmitter } from "node:events";

/** As socket.io-adapter's Adapter, without encoding. */
export class BaseAdapter extends EventEmitter {
  rooms = new Map();
  sids = new Map();

  constructor(nsp) {
    super();
    this.nsp = nsp;
  }

  addAll(id, rooms) {
    if (!this.sids.has(id)) this.sids.set(id, new Set());
    for (const room of rooms) {
      this.sids.get(id).add(room);
      if (!this.rooms.has(room)) this.rooms.set(room, new Set());
      this.rooms.get(room).add(id);
    }
  }

  del(id, room) {
    this.sids.get(id)?.delete(room);
    this.rooms.get(room)?.delete(id);
    if (this.rooms.get(room)?.size === 0) this.rooms.delete(room);
  }

  delAll(id) {
    for (const room of this.sids.get(id) ?? []) this.del(id, room);
    this.sids.delete(id);
  }

  broadcast(packet, opts) {
    for (const socket of this.nsp.sockets.values()) socket.received.push({ packet, opts });
  }

  broadcastWithAck(packet, opts, onCount, onAnswer) {
    packet.id = this.nsp._ids++;
    for (const socket of this.nsp.sockets.values()) socket.acks.set(packet.id, onAnswer);
    onCount(this.nsp.sockets.size);
  }
}

/** What Redis's or amqp0's would be: to all servers. */
class OtherAdapter extends BaseAdapter {
  broadcast() {
    throw new Error("went to all servers");
  }

  broadcastWithAck() {
    throw new Error("lost the acknowledgements");
  }
}

class SocketDouble extends EventEmitter {
  acks = new Map();
  data = {};
  received = [];
  isConnected = true;
  handshake = { headers: { host: "x", cookie: "secret", Authorization: "secret" }, auth: { token: "secret" }, url: "/" };

  constructor(nsp, id) {
    super();
    this.nsp = nsp;
    this.id = id;
  }

  get rooms() {
    return this.nsp.adapter.sids.get(this.id);
  }

  join(rooms) {
    return this.nsp.adapter.addAll(this.id, new Set([rooms].flat()));
  }

  leave(room) {
    return this.nsp.adapter.del(this.id, room);
  }

  disconnect(close) {
    this.isConnected = false;
    this.closed = close;
  }

  /** As Socket.IO does it when a client has gone, or is refused. */
  end(reason) {
    this.nsp.adapter.delAll(this.id);
    if (this.nsp.sockets.delete(this.id)) this.emit("disconnect", reason);
  }

  /** The client acknowledges everything it was asked. */
  answer(...args) {
    for (const ack of this.acks.values()) ack(...args);
    this.acks.clear();
  }
}

class NamespaceDouble extends EventEmitter {
  sockets = new Map();
  _ids = 0;

  constructor(server, name) {
    super();
    this.server = server;
    this.name = name;
    this.adapter = new OtherAdapter(this);
  }

  connect(id, rooms = []) {
    const socket = this.admit(id);
    this.sockets.set(id, socket);
    socket.join([id, ...rooms]);
    this.emit("connection", socket);
    return socket;
  }

  /** Into the middlewares; it may be refused there. */
  admit(id) {
    return new SocketDouble(this, id);
  }

  _onServerSideEmit(packet) {
    this.emit(...packet);
  }
}

export class ServerDouble {
  _nsps = new Map();

  constructor() {
    this.of("/");
  }

  of(name) {
    if (!this._nsps.has(name)) {
      this._nsps.set(name, new NamespaceDouble(this, name));
      this._nsps.get("/").emit("new_namespace", this._nsps.get(name));
    }
    return this._nsps.get(name);
  }
}

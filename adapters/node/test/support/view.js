import assert from "node:assert/strict";

/** What a gateway knows by the messages of one server about one namespace. Notices what is missing. */
export class View {
  seq = null;
  holes = 0;
  rooms = new Set();
  sockets = [];
  members = [];
  #namespace;

  constructor(namespace = "/") {
    this.#namespace = namespace;
  }

  take(messages) {
    for (const message of messages) if (message.nsp === this.#namespace) this.#take(message);
    return this;
  }

  #take({ type, data: { seq, ...lists }, ...others }) {
    assert.equal(type, 20);
    assert.deepEqual(Object.keys(others).sort(), ["nsp", "uid"]);
    if (this.seq !== null && seq !== this.seq + 1) {
      assert.ok(seq > this.seq + 1, `${seq} after ${this.seq}`);
      // Where something was sent and has not arrived, more is missing than the number that was left out.
      if (seq === this.seq + 2) assert.deepEqual(lists, {}, "the message behind a hole is empty");
      this.holes += 1;
    }
    this.seq = seq;
    for (const list of Object.values(lists)) assert.ok(list.length > 0, "empty lists are left out");
    const { rooms = [], sockets = [], members = [] } = lists;
    assert.equal(new Set(rooms.map(([, room]) => room)).size, rooms.length, "a room stands there once");
    for (const [sign, room] of rooms) {
      if (sign === "+") this.rooms.add(room);
      else this.rooms.delete(room);
    }
    this.sockets.push(...sockets);
    this.members.push(...members);
  }
}

/** The recorded questions of Tests/Recorded/questions: what it answers to each, and what has become of its sockets. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Companions } from "./support/companions.js";

const FOLDER = new URL("../../../Tests/Recorded/questions/", import.meta.url);
const companions = new Companions();

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".json"))) {
  const recorded = JSON.parse(readFileSync(new URL(file, FOLDER)));
  if (recorded.only !== undefined && recorded.only !== "node") continue;
  test(`${file}: ${recorded.about}`, () => answers(recorded));
}

async function answers({ question, server, answers, afterwards }) {
  await companions.gateway.close();
  companions.attach({ maxAnswerBytes: server.maxAnswerBytes });
  const namespace = companions.io.of(question.nsp);
  const sockets = (server.sockets ?? []).map((socket) => connect(namespace, socket));
  listen(namespace, server.listeners ?? {});
  await companions.presenceOf(question.nsp);
  const { requestId } = question.data;
  if (server.tellsEvents) companions.broker.send("#events-wanted", { uid: "emitter", type: 21, data: { intervalMs: 5_000 } });
  companions.broker.send(question.nsp, question, { replyTo: "asker", correlationId: requestId });
  for (const { socket, acknowledges } of sockets) if (acknowledges) socket.answer(...acknowledges);
  await sleep(20);
  const said = companions.broker.published.filter(({ key }) => key === "asker");
  for (const { exchange, options } of said) {
    assert.equal(exchange, "");
    assert.equal(options.correlationId, requestId);
  }
  const { uid } = companions.presence.at(-1);
  const messages = said.map(({ content }) => JSON.parse(content));
  assert.deepEqual(messages.map(inOrder), answers.map((answer) => inOrder({ ...answer, uid })));
  if (afterwards) assert.deepEqual(roomsOf(sockets), new Map(Object.entries(afterwards).map(([id, rooms]) => [id, sorted(rooms)])));
  assert.deepEqual(companions.reported, []);
}

function connect(namespace, { id, rooms, data, acknowledges }) {
  const socket = namespace.connect(id, rooms);
  socket.data = data;
  return { socket, acknowledges: acknowledges && withBytes(acknowledges) };
}

function listen(namespace, listeners) {
  for (const [event, { takes, returns }] of Object.entries(listeners)) {
    namespace.on(event, (...args) => {
      const answer = args.pop();
      assert.ok(isDeepStrictEqual(args, withBytes(takes)), "the listener takes something else");
      answer(withBytes(returns));
    });
  }
}

/** Of those that are still there, without their own. */
function roomsOf(sockets) {
  const connected = sockets.filter(({ socket }) => socket.isConnected);
  const others = ({ id, rooms }) => sorted([...rooms].filter((room) => room !== id));
  return new Map(connected.map(({ socket }) => [socket.id, others(socket)]));
}

/** The order of a socket's rooms means nothing. */
function inOrder(message) {
  const sockets = message.data.sockets?.map((socket) => ({ ...socket, ...(socket.rooms && { rooms: sorted(socket.rooms) }) }));
  return { ...message, data: { ...message.data, ...(sockets && { sockets }) } };
}

function sorted(rooms) {
  return rooms.map((room) => JSON.stringify(room)).sort();
}

/** The recordings' `{"$binary": base64}` as Buffers. */
function withBytes(value) {
  return JSON.parse(JSON.stringify(value), (_, item) => (item?.$binary === undefined ? item : Buffer.from(item.$binary, "base64")));
}

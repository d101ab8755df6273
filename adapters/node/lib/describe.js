/** Sockets as messages have them. What cannot be serialised is left out, never the socket. */

const SECRET_HEADERS = new Set(["cookie", "authorization", "proxy-authorization"]);

/** Socket.IO's own, without `auth`. */
const HANDSHAKE_FIELDS = ["headers", "time", "address", "xdomain", "secure", "issued", "url", "query"];

/** Everything a gateway may ask for beside the id. */
const FIELDS = ["rooms", "data", "handshake"];

/**
 * For another server, as ClusterAdapter describes it: whole.
 *
 * @param {any} socket
 */
export function describeForServer(socket) {
  // The session store may contain circular references.
  const { sessionStore, ...handshake } = socket.handshake ?? {};
  return {
    id: socket.id,
    handshake: serialisable(handshake, () => standard(handshake, [...HANDSHAKE_FIELDS, "auth"])),
    rooms: [...socket.rooms],
    data: serialisable(socket.data),
  };
}

/**
 * For a gateway: what it asked for, and no credentials.
 *
 * @param {any} socket
 * @param {string[]} [fields] of `rooms`, `data`, `handshake`; all of them if missing
 */
export function describeForGateway(socket, fields = FIELDS) {
  const description = { id: socket.id };
  if (fields.includes("rooms")) description.rooms = [...socket.rooms].map(String);
  if (fields.includes("data")) description.data = serialisable(socket.data);
  if (fields.includes("handshake")) description.handshake = handshakeForGateway(socket.handshake ?? {});
  return description;
}

function standard(handshake, fields) {
  const kept = fields.filter((field) => handshake[field] !== undefined);
  return Object.fromEntries(kept.map((field) => [field, serialisable(handshake[field])]));
}

function handshakeForGateway(handshake) {
  const described = standard(handshake, HANDSHAKE_FIELDS);
  const headers = Object.entries(described.headers ?? {});
  const harmless = headers.filter(([name]) => !SECRET_HEADERS.has(name.toLowerCase()));
  return { ...described, headers: Object.fromEntries(harmless) };
}

/** @returns the value, or the other one if JSON cannot hold it */
function serialisable(value, otherwise = () => null) {
  try {
    return JSON.stringify(value) === undefined ? otherwise() : value;
  } catch {
    return otherwise();
  }
}

/** Everything that servers and gateways ask for. What happens at once happens before a function here returns. */

import { MessageType } from "../protocol.js";
import { broadcast } from "./broadcast.js";
import { disconnect, join, leave } from "./change-sockets.js";
import { fetchSockets } from "./fetch-sockets.js";
import { serverSideEmit } from "./server-side-emit.js";

/** @type {Map<number, (asked: import("../answers.js").Asked) => any>} from the type of a message to what carries it out */
export const QUESTIONS = new Map([
  [MessageType.BROADCAST, broadcast],
  [MessageType.SOCKETS_JOIN, join],
  [MessageType.SOCKETS_LEAVE, leave],
  [MessageType.DISCONNECT_SOCKETS, disconnect],
  [MessageType.FETCH_SOCKETS, fetchSockets],
  [MessageType.SERVER_SIDE_EMIT, serverSideEmit],
]);

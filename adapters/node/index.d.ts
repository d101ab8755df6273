import type { Adapter } from "socket.io-adapter";
import type { AmqpConnection, AttachGatewayOptions } from "./attach-gateway.js";

export { attachGateway } from "./attach-gateway.js";
export type {
  AmqpConnection,
  AttachedGateway,
  AttachGatewayOptions,
  ErrorContext,
  SocketIoServer,
} from "./attach-gateway.js";

export interface AdapterOptions extends AttachGatewayOptions {
  /**
   * `static`: one binding for all rooms, every server receives every emit to a room and drops what it has no socket for.
   * `dynamic`: one binding for each room with a local socket, emits to rooms go only where they are needed, and
   * `await socket.join()` resolves when the room is bound. Servers with different modes may be mixed.
   * @default "static"
   */
  subscriptionMode?: "static" | "dynamic";
  /**
   * Servers that were silent for this long, in milliseconds, are no longer counted or waited for by other servers.
   * @default 10_000
   */
  heartbeatTimeout?: number;
}

/**
 * A Socket.IO adapter over AMQP, for the option `adapter` of Socket.IO's `Server`. It connects by itself, comes back when
 * the connection is lost, and throws nothing at the application: errors go to `onError`.
 *
 * @throws {TypeError} for options that are wrong
 */
export function createAdapter<Connection extends AmqpConnection>(
  options: AdapterOptions & { connection: Connection | (() => Connection | Promise<Connection>) },
): (namespace: any) => Adapter;

/** What is used of a connection of amqplib's promise API. */
export interface AmqpConnection {
  createChannel(): PromiseLike<any>;
  close(): PromiseLike<void>;
  on(event: string, listener: (...args: any[]) => void): unknown;
  removeListener(event: string, listener: (...args: any[]) => void): unknown;
}

/** What is used of a `Server` of Socket.IO 4. */
export interface SocketIoServer {
  of(name: string): any;
}

/** Where an error came up. */
export interface ErrorContext {
  /**
   * `connection`: it was lost or could not be made, and is tried again. `publish`: a message could not be sent. `message`:
   * something came in that was not understood, or a listener of the application threw. `namespace`: a name that cannot be
   * used across servers.
   */
  stage: "connection" | "publish" | "message" | "namespace";
  namespace?: string;
}

export interface AttachGatewayOptions {
  /**
   * A function that makes a connection, as `() => amqplib.connect(url)`: it is called again whenever the connection is
   * lost, and what it made is closed in the end. Or a connection: it is used as long as it lives, and never closed.
   */
  connection: AmqpConnection | (() => AmqpConnection | Promise<AmqpConnection>);
  /**
   * The exchange of servers and gateways.
   * @default "socket.io.cluster"
   */
  exchange?: string;
  /**
   * Milliseconds between two signs of life. Gateways take a server for gone after three.
   * @default 5_000
   */
  heartbeatInterval?: number;
  /**
   * Milliseconds to wait for other servers, for clients' acknowledgements where the message does not say, and for bindings.
   * @default 5_000
   */
  requestsTimeout?: number;
  /**
   * Gets every error that has no caller. The default prints one line to the standard error.
   */
  onError?: (error: Error, context: ErrorContext) => void;
}

export interface AttachedGateway {
  /** Says goodbye to the gateways and ends the connection if it was made here. Resolves within seconds. */
  close(): Promise<void>;
}

/**
 * Answers gateways on a server that has any other adapter: about this server's own sockets, in all its namespaces, also
 * those made later.
 *
 * @throws {TypeError} for options that are wrong
 * @throws {Error} on a server with `createAdapter`, which answers by itself, and on one that is attached already
 */
export function attachGateway<Connection extends AmqpConnection>(
  io: SocketIoServer,
  options: AttachGatewayOptions & { connection: Connection | (() => Connection | Promise<Connection>) },
): AttachedGateway;

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
   * `connection`: it was lost or could not be made, and is tried again. `publish`: a message could not be sent, or RabbitMQ
   * has refused it (`error.code` 406; `ERR_MESSAGE_TOO_LARGE` once its limit is known). `message`:
   * something came in that was not understood, or a listener of the application threw. `namespace`: a name that cannot be
   * used across servers. `version`: this Socket.IO is too old for something, said once at the start.
   */
  stage: "connection" | "publish" | "message" | "namespace" | "version";
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
   * The largest answer that a gateway is sent, in bytes. Pages of sockets and rooms end before it, and the gateway goes on
   * behind them; a single socket that is larger comes without its data; other answers say `too_large`. A smaller limit of
   * RabbitMQ's (`max_message_size`) counts once it has refused a message.
   * @default 8_388_608
   */
  maxAnswerBytes?: number;
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

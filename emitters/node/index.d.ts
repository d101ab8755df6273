/** A string, or an integer, which is another room than its digits. */
export type Room = string | number;

export interface Emitted {
  id: string;
  status: "confirmed" | "accepted";
  /** Whether a server was there to take it; null where the wire format cannot tell. */
  routed: boolean | null;
  reason?: string;
}

export interface Servers {
  expected: number;
  responded: number;
  missing: string[];
  tooLarge: string[];
}

export interface Acknowledged extends Emitted {
  recipients: number | null;
  /** `responses`: the arguments of each client's acknowledgement. */
  acks: { expected: number | null; received: number; complete: boolean | null; responses: unknown[][] };
  servers: Servers | null;
}

export interface DryRun {
  status: "dryRun";
  exchange: string;
  exists: boolean;
  routingKeys: string[];
  recipients: number | null;
  servers: Servers | null;
}

export interface ServerAnswers {
  responses: { server: string; value: unknown }[];
  complete: boolean;
  servers: Servers;
}

export interface Changed {
  status: "confirmed" | "partial" | "accepted";
  matched: number | null;
  complete: boolean;
  servers: Servers;
}

export interface Socket {
  id: string;
  rooms: Room[];
  data: unknown;
  server: string;
}

export interface Counts {
  sockets: number | null;
  rooms: Record<string, number>;
  numbers?: Record<string, number>;
  complete: boolean;
  servers: Servers;
}

export interface Problem {
  status: number;
  code: string;
  detail: string;
  retryable: boolean;
  outcome?: "unknown";
  errors?: { pointer?: string; parameter?: string; detail: string }[];
}

export interface BatchAnswer {
  results: { status: number; id?: string; routed?: boolean | null; reason?: string; problem?: Problem }[];
  confirmed: number;
  failed: number;
}

/** What was asked for was not done, or nobody knows whether it was. */
export class GatewayError extends Error {
  /** The HTTP status; undefined without an answer. */
  readonly status: number | undefined;
  /** One of the gateway's codes; `no_answer`, `bad_answer` (of something between, say), or `incomplete`. */
  readonly code: string;
  readonly detail: string;
  /** `unknown`: it may have been done all the same. Otherwise nothing was done. */
  readonly outcome: "unknown" | undefined;
  /** Whether the same may succeed later, and nothing was done. */
  readonly retryable: boolean;
  readonly errors: { pointer?: string; parameter?: string; detail: string }[];
  readonly requestId: string | undefined;
}

/** Whom it is for. Every call that narrows it gives a new one, so one may be kept and used again. `E`: what an emit gives. */
declare class Narrowed<E> {
  of(namespace: string): this;
  /** The union of these rooms and those before; a socket's id is a room, too. No room at all is refused by the gateway. */
  to(...rooms: (Room | Room[])[]): this;
  in(...rooms: (Room | Room[])[]): this;
  except(...rooms: (Room | Room[])[]): this;
  /** For servers that can leave out sockets, but no rooms. */
  exceptSockets(...ids: (string | string[])[]): this;
  readonly volatile: this;
  compress(compress: boolean): this;
  /** Buffers and views in the arguments arrive as bytes. */
  emit(event: string, ...args: unknown[]): E;
}

export class Emitter extends Narrowed<Promise<Emitted>> {
  protected constructor();
  /** Answered before RabbitMQ has it: it may get lost. */
  readonly unconfirmed: this;
  /** How long acknowledgements, and the answers to `serverSideEmitWithAck`, are waited for, in milliseconds (5,000). */
  timeout(milliseconds: number): this;
  /** One acknowledgement is enough. */
  readonly first: this;
  /** For one emit that this program may repeat by itself, after a crash, say. Without it each emit makes its own. */
  idempotencyKey(key: string): this;
  emitWithAck(event: string, ...args: unknown[]): Promise<Acknowledged>;
  /** Checks an emit, and publishes nothing. */
  dryRun(event: string, ...args: unknown[]): Promise<DryRun>;
  /** An event for the servers themselves. */
  serverSideEmit(event: string, ...args: unknown[]): Promise<Emitted>;
  serverSideEmitWithAck(event: string, ...args: unknown[]): Promise<ServerAnswers>;
  /** Every socket in the rooms of the emitter (without any: every socket) joins these rooms. */
  socketsJoin(rooms: Room | Room[]): Promise<Changed>;
  socketsLeave(rooms: Room | Room[]): Promise<Changed>;
  /** With `close` their connections end, in all namespaces. */
  disconnectSockets(close?: boolean): Promise<Changed>;
  /** Rejects with `incomplete` if a server has not answered. */
  fetchSockets(): Promise<Socket[]>;
  counts(): Promise<Counts>;
}

export interface Options {
  /** The API key. */
  key?: string;
  /** Milliseconds for an answer (10,000), on top of what the servers are given. */
  timeout?: number;
  /**
   * Milliseconds (30,000) in which an attempt that failed is followed by another, with the same `Idempotency-Key`: a lost
   * connection, and what the gateway says may be sent again. What has an unknown outcome for the gateway, too, is not.
   */
  retryFor?: number;
  /** And what `https.Agent` takes. */
  [option: string]: unknown;
}

export class Gateway extends Emitter {
  constructor(url?: string, options?: Options);
  batch(): Batch;
  close(): void;
}

/** Emits that are sent together, in their order. Nothing leaves before `send`. */
export class Batch extends Narrowed<void> {
  private constructor();
  /** An item that fails rejects nothing: see `failed` and `results`. */
  send(options?: { idempotencyKey?: string }): Promise<BatchAnswer>;
}

export const VERSION: string;

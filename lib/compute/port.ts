/**
 * The two ends of a line between a host and a compute worker, reduced to what the protocol needs, so that a browser
 * Worker, a Node worker thread and a MessagePort in a test all serve the same client and server.
 */
import type { Reply, Request } from './protocol.ts';

/** The worker's end. Messages are `unknown`: whatever arrives is parsed before it is believed. */
export interface ServerPort {
  postMessage(reply: Reply, transfer: ArrayBuffer[]): void;
  onMessage(listener: (message: unknown) => void): void;
}

/** The host's end. `onCrash` fires when the worker threw, exited, or sent what cannot be read. */
export interface ClientPort {
  postMessage(request: Request): void;
  onMessage(listener: (message: unknown) => void): void;
  onCrash(listener: (reason: string) => void): void;
  close(): void;
}

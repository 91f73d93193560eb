/**
 * Answers of the job host that are no procedure's: errors in the very envelope that tRPC's client reads, so that a
 * refusal at the door looks to the page like one inside, and the headers that every answer carries.
 */
import type { ServerResponse } from 'node:http';
import type { ContiguaError, ErrorCode } from '../../core/errors.ts';

/** Nothing is sniffed, framed, kept or read by another origin; what is text by mistake runs nothing. */
export const SAFE_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Cache-Control': 'no-store, no-transform',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
} as const;

const STATUS: Partial<Record<ErrorCode, readonly [number, string]>> = {
  'run-missing': [404, 'NOT_FOUND'],
  'artifact-missing': [404, 'NOT_FOUND'],
  'run-conflict': [409, 'CONFLICT'],
  'database-in-use': [409, 'CONFLICT'],
  'path-forbidden': [403, 'FORBIDDEN'],
  unauthorized: [401, 'UNAUTHORIZED'],
  'method-unknown': [405, 'METHOD_NOT_SUPPORTED'],
  'too-large': [413, 'PAYLOAD_TOO_LARGE'],
  'too-many': [429, 'TOO_MANY_REQUESTS'],
  cancelled: [499, 'CLIENT_CLOSED_REQUEST'],
  'not-ready': [503, 'SERVICE_UNAVAILABLE'],
  'store-unreachable': [503, 'SERVICE_UNAVAILABLE'],
  'database-unreachable': [503, 'SERVICE_UNAVAILABLE'],
  'disk-full': [507, 'INTERNAL_SERVER_ERROR'],
  'artifact-corrupt': [500, 'INTERNAL_SERVER_ERROR'],
  internal: [500, 'INTERNAL_SERVER_ERROR'],
};

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export function errorAnswer({ code, summary, details, message }: ContiguaError): Answer {
  const [httpStatus, name] = STATUS[code] ?? [400, 'BAD_REQUEST'];
  const data = { code: name, httpStatus, contigua: { code, summary, details } };
  // JSON-RPC's number for a server's error, which tRPC's client wants to see.
  return { status: httpStatus, body: JSON.stringify({ error: { message, code: -32000, data } }) };
}

export function sendError(response: ServerResponse, error: ContiguaError): void {
  if (response.headersSent) {
    // Too late for words: a cut connection at least does not look like the end of the file.
    response.destroy();
    return;
  }
  const answer = errorAnswer(error);
  response.removeHeader('Content-Length');
  send(response, answer.status, 'application/json', answer.body);
}

export function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { ...SAFE_HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/**
 * The typed remote interface's ground: what a procedure is given, and how its errors look on the other side. Every
 * failure arrives as the code, summary and details of a ContiguaError, so that the page words it as it words its own;
 * a foreign error says no more than `internal`, since its message and stack may name paths or secrets.
 */
import { initTRPC, TRPCError } from '@trpc/server';
import { ZodError } from 'zod';
import { ContiguaError, type ErrorCode, type ErrorDetails } from '../../core/errors.ts';
import type { Backend } from '../backend.ts';
import { assertStorable } from '../storable.ts';

export interface Context {
  readonly backend: Backend;
}

/** A ContiguaError in JSON; `data.contigua` of every error that a procedure answers with. */
export interface ErrorInJson {
  readonly code: ErrorCode;
  readonly summary: string;
  readonly details: ErrorDetails;
}

const PING_MS = 5_000;

const t = initTRPC.context<Context>().create({
  isDev: false,
  sse: {
    // A silent stream and a dead one look alike: the client reconnects when even the pings stay away.
    ping: { enabled: true, intervalMs: PING_MS },
    client: { reconnectAfterInactivityMs: 3 * PING_MS },
  },
  errorFormatter({ shape, error }) {
    const contigua = errorInJson(error);
    return {
      code: shape.code,
      message: new ContiguaError(contigua.code, contigua.summary, contigua.details).message,
      data: { code: shape.data.code, httpStatus: shape.data.httpStatus, path: shape.data.path, contigua },
    };
  },
});

/** Gives the transport the status that fits the error; what it says is the formatter's business. */
const withStatus = t.middleware(async ({ next }) => {
  const result = await next();
  if (result.ok || !(result.error.cause instanceof ContiguaError)) return result;
  const { cause } = result.error;
  throw new TRPCError({ code: transportCode(cause.code), message: cause.message, cause });
});

/** Whatever a procedure makes of its input, the database can hold it. */
const withStorableInput = t.middleware(async ({ getRawInput, next }) => {
  assertStorable(await getRawInput());
  return await next();
});

export const router = t.router;
export const procedure = t.procedure.use(withStatus).use(withStorableInput);

function errorInJson(error: TRPCError): ErrorInJson {
  const { cause } = error;
  if (cause instanceof ContiguaError) return { code: cause.code, summary: cause.summary, details: cause.details };
  if (cause instanceof ZodError) return inputError(cause);
  // tRPC's own refusals (no such procedure, wrong method, unreadable input) have no secrets in them.
  if (error.code !== 'INTERNAL_SERVER_ERROR') {
    const code = error.code === 'PAYLOAD_TOO_LARGE' ? 'too-large' : 'usage';
    return { code, summary: error.message.split('\n', 1)[0] ?? error.code, details: {} };
  }
  return {
    code: 'internal',
    summary: 'The server failed to handle the request',
    details: { hint: 'See the job host’s log for details.' },
  };
}

function inputError({ issues }: ZodError): ErrorInJson {
  const [issue] = issues;
  const place = issue?.path.map(String).join('.') ?? '';
  return {
    code: 'settings-invalid',
    summary: place === '' ? 'The request could not be parsed' : `\`${place}\` is wrong`,
    details: { expected: issue?.message ?? 'something else' },
  };
}

type TransportCode = ConstructorParameters<typeof TRPCError>[0]['code'];

function transportCode(code: ErrorCode): TransportCode {
  switch (code) {
    case 'run-missing':
    case 'artifact-missing':
      return 'NOT_FOUND';
    case 'run-conflict':
    case 'database-in-use':
    case 'not-ready':
      return 'CONFLICT';
    case 'path-forbidden':
      return 'FORBIDDEN';
    case 'unauthorized':
      return 'UNAUTHORIZED';
    case 'too-large':
      return 'PAYLOAD_TOO_LARGE';
    case 'too-many':
      return 'TOO_MANY_REQUESTS';
    case 'cancelled':
      return 'CLIENT_CLOSED_REQUEST';
    case 'store-unreachable':
    case 'database-unreachable':
      return 'SERVICE_UNAVAILABLE';
    case 'disk-full':
    case 'artifact-corrupt':
    case 'engine-lost':
    case 'worker-crashed':
    case 'internal':
      return 'INTERNAL_SERVER_ERROR';
    default:
      return 'BAD_REQUEST';
  }
}

/**
 * How the web process finds the job host and shows that it is the web process. scripts/start.mjs tells both; in containers,
 * where each has an address of its own, the settings do (deploy/compose.yaml).
 */
import { randomBytes } from 'node:crypto';
import { ContiguaError } from '../../core/errors.ts';

export interface HostAddress {
  readonly url: string;
  readonly secret: string;
}

/** Shown with every request that is passed on. */
export const SECRET_HEADER = 'x-contigua-secret';
/** The `Host` that the browser asked for, where the way to the job host replaces it. */
export const HOST_HEADER = 'x-contigua-host';

/** Null where the start script gave none: the page alone runs. */
export function hostAddress(env: Readonly<Record<string, string | undefined>>): HostAddress | null {
  const { CONTIGUA_JOB_HOST: url, CONTIGUA_JOB_SECRET: secret } = env;
  return url && secret ? { url, secret } : null;
}

export interface JobHostDoor {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /** What a request must show to be answered. */
  readonly secret: string;
}

const LOOPBACK = /^(localhost|::1|127\.\d+\.\d+\.\d+)$/;
const MIN_SECRET = 16;

/**
 * From CONTIGUA_JOB_ADDRESS (loopback unless given), CONTIGUA_JOB_PORT and CONTIGUA_JOB_SECRET. Throws `settings-invalid`
 * where other machines could connect and no secret keeps them out, and for a port that is none.
 */
export function jobHostDoor(env: Readonly<Record<string, string | undefined>>): JobHostDoor {
  const address = env.CONTIGUA_JOB_ADDRESS || '127.0.0.1';
  const given = env.CONTIGUA_JOB_SECRET || null;
  if (!LOOPBACK.test(address) && (given ?? '').length < MIN_SECRET) {
    throw new ContiguaError(
      'settings-invalid',
      `The job host listens on ${address}, where other machines can connect`,
      {
        file: 'CONTIGUA_JOB_SECRET',
        found: given === null ? 'no secret' : `${given.length} characters`,
        expected: `${MIN_SECRET} characters or more, the same for the web server`,
      },
    );
  }
  const port = env.CONTIGUA_JOB_PORT || '0';
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
    throw new ContiguaError('settings-invalid', 'This is not a port', {
      file: 'CONTIGUA_JOB_PORT',
      found: port,
      expected: 'a number from 1 to 65535, or 0 for any free one',
    });
  }
  return { address, port: Number(port), secret: given ?? randomBytes(32).toString('hex') };
}

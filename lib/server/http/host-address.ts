/** How the web process finds the job host and shows that it is the web process: scripts/start.mjs tells both. */
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

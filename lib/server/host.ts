/**
 * The job host: a process of its own that owns the database, takes jobs from the queue and answers the web process. Apart
 * from the web process, because it may be killed and started again while the page stays, because exactly one process may
 * own an embedded database, and because the page's bundler then never sees one. scripts/start.mjs starts it, gives it
 * port and secret, starts it again when it dies, and ends it; with its parent gone it ends by itself.
 */
import { join } from 'node:path';
import { asContiguaError, ContiguaError } from '../core/errors.ts';
import { createBackend } from './create-backend.ts';
import { createPrivately } from './database/private-folder.ts';
import { readEnv } from './env.ts';
import { accessPolicy } from './http/access.ts';
import { createApiServer } from './http/api-server.ts';
import { Calibrations } from './http/calibrations.ts';
import { fileRoutes } from './http/files.ts';
import { jobHostDoor } from './http/host-address.ts';
import { logLine, logThrown } from './log.ts';
import { ServerModels, UPLOADS } from './models.ts';

/** Could not start, and would not the next moment either (settings, a folder in use): sysexits' EX_CONFIG. */
const CANNOT_START = 78;
const GRACE_MS = 2_000;
/** Training stores a checkpoint before it ends. Whoever kept this process running may be gone: then nobody else ends it. */
const LAST_MS = 180_000;

async function main(): Promise<void> {
  // Until everything is open there is nothing to end in order, and opening may wait long for a former owner of the folder.
  let stop = (): void => process.exit(1);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop());
  process.on('disconnect', () => stop());
  // False, not undefined: there was a channel, and its other end has gone already.
  if (process.connected === false) stop();
  createPrivately();
  const env = readEnv();
  const policy = accessPolicy(process.env);
  const { address: bound, port, secret } = jobHostDoor(process.env);
  const backend = await createBackend(env);
  const uploads = join(env.dataFolder, UPLOADS);
  const models = new ServerModels(env.modelRoots, uploads);
  const server = createApiServer({
    backend,
    files: fileRoutes({ backend, calibrations: new Calibrations(models, uploads) }),
    policy,
    secret,
    log: process.env.CONTIGUA_LOG === 'requests' ? logLine : undefined,
    report: logThrown,
    warn: logLine,
  });

  let stopping = false;
  stop = () => {
    if (stopping) return;
    stopping = true;
    // Streams that are followed would never end by themselves.
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
    setTimeout(() => process.exit(1), LAST_MS).unref();
    server.closeIdleConnections();
    server.close();
    backend.close().then(
      () => process.exit(0),
      (thrown: unknown) => {
        logLine(asContiguaError(thrown).message);
        process.exit(1);
      },
    );
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, bound, resolve);
  });
  const address = server.address();
  const url = `http://${bound.includes(':') ? `[${bound}]` : bound}:${typeof address === 'object' && address ? address.port : port}`;
  if (process.connected) process.send?.({ type: 'ready', url });
  else if (!process.send) console.log(`The job host listens at ${url}`);
}

main().catch((thrown: unknown) => {
  logThrown(thrown);
  process.exit(thrown instanceof ContiguaError ? CANNOT_START : 1);
});

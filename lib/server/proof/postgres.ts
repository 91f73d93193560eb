/**
 * A PostgreSQL server of the test's own: a fresh cluster in a temporary folder, on a free port of the loopback, with a
 * password, as the user `postgres` (or `nobody`) where the test is root. It can be killed as a whole and started again.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { ensurePostgres } from '../../../scripts/postgres.mjs';

export const PASSWORD = 'only-for-this-test';

export interface TestPostgres {
  /** Of a fresh database in the cluster; each name once. */
  database(name: string): Promise<string>;
  /** `kill -9` of the server: its sessions end with it. */
  kill(): Promise<void>;
  /** `kill -9` of one session's process, which makes the server drop all of them and recover. */
  killSession(): Promise<void>;
  start(): Promise<void>;
  remove(): Promise<void>;
}

/** Why there is none, for a loud skip; null where there is one. */
export const whyNoPostgres = (): string | null => ensurePostgres().reason ?? null;

export async function makePostgres(): Promise<TestPostgres> {
  const { bin, reason } = ensurePostgres();
  if (bin === undefined) throw new Error(reason);
  const user = process.getuid?.() === 0 ? otherUser() : {};
  const folder = await mkdtemp(join(tmpdir(), 'contigua-postgres-'));
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, PASSWORD);
  for (const path of [folder, passwordFile]) if (user.uid !== undefined) chownSync(path, user.uid, user.gid ?? 0);
  const data = join(folder, 'data');
  const initdb = ['-D', data, '-U', 'contigua', '-A', 'scram-sha-256', '--pwfile', passwordFile, '-E', 'UTF8', '-N'];
  execFileSync(join(bin, 'initdb'), [...initdb, '--locale=C'], { ...user, stdio: 'ignore', cwd: folder });
  const port = await freePort();
  const url = (name: string) => `postgres://contigua:${PASSWORD}@127.0.0.1:${port}/${name}`;
  let server: ChildProcess | null = null;

  const ask = async (sql: string): Promise<pg.QueryResult> => {
    const client = new pg.Client({ connectionString: url('postgres'), connectionTimeoutMillis: 2_000 });
    client.on('error', () => {});
    await client.connect();
    try {
      return await client.query(sql);
    } finally {
      await client.end().catch(() => {});
    }
  };
  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', 'max_connections=60'];
    // What a killed server's sessions still hold of its memory frees itself in a moment.
    for (;;) {
      const child = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((one) => ['-c', one])], {
        ...user,
        stdio: 'ignore',
        cwd: folder,
      });
      server = child;
      while (child.exitCode === null) {
        const up = await ask('select 1').then(
          () => true,
          () => false,
        );
        if (up) return;
        await new Promise((go) => setTimeout(go, 50));
      }
    }
  };
  const stop = async (signal: NodeJS.Signals) => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill(signal);
    await gone;
  };
  await start();
  return {
    async database(name) {
      await ask(`create database ${name}`);
      return url(name);
    },
    kill: () => stop('SIGKILL'),
    async killSession() {
      const { rows } = await ask(
        `select pid from pg_stat_activity where application_name = 'contigua' order by random()`,
      );
      const pid: unknown = rows[0]?.pid;
      if (typeof pid === 'number') process.kill(pid, 'SIGKILL');
    },
    start,
    async remove() {
      await stop('SIGQUIT');
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** PostgreSQL refuses to run as root. */
function otherUser(): { uid?: number; gid?: number } {
  for (const name of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, name], { stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // There is no such user here.
    }
  }
  throw new Error('PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody"');
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

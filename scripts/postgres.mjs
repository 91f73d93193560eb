/**
 * Finds PostgreSQL's programs for the tests, or installs Debian's package as root: $POSTGRES_BIN, the PATH, Debian's
 * versioned folders (newest first). Returns their folder, or a sentence that says why there is none.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const DEBIAN = '/usr/lib/postgresql';

function find() {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  return [
    process.env.POSTGRES_BIN ?? '',
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ].find((folder) => folder && existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

/** The folder of `initdb` and `postgres`, or why they are not to be had. */
export function ensurePostgres() {
  const found = find();
  if (found) return { bin: found };
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return { reason: 'PostgreSQL is not installed; install it, or name the folder of its programs in POSTGRES_BIN' };
  }
  // Debian's package would start a server of its own at once, which nobody asked for.
  const steps = [
    ['apt-get', 'update', '-qq'],
    [
      'apt-get',
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      '-o',
      'Dpkg::Options::=--force-confold',
      'postgresql',
    ],
  ];
  for (const [command, ...args] of steps) {
    console.error(`Installing PostgreSQL: ${command} ${args.join(' ')}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
    if (status !== 0) return { reason: `${command} ${args[0]} failed, so there is no PostgreSQL` };
  }
  const installed = find();
  return installed ? { bin: installed } : { reason: `PostgreSQL was installed, but not in ${DEBIAN} nor on the PATH` };
}

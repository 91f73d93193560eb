/**
 * From the runs that runs.mjs made to the committed files: `node pack-runs.mjs WORK`. Needs version 1's code and PostgreSQL.
 * Every row is copied into a fresh database of version 1's own making, embedded and PostgreSQL, with this machine's name and
 * process ids replaced by `somewhere` and 1; then the embedded database's write-ahead log is emptied up to its last
 * checkpoint, which is all that opening it reads. Artifacts are copied as they are.
 */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { register } from 'tsx/esm/api';
import { ensurePostgres } from '../../../../scripts/postgres.mjs';

register();
const { z } = await import('zod');
const { openRuns } = await import('../../../server/runs/open.ts');
const { makePostgres } = await import('../../../server/proof/postgres.ts');

const work = resolve(process.argv[2] ?? '');
const here = fileURLToPath(new URL('../', import.meta.url));
const target = join(here, 'runs');

const TABLES = {
  runs: 'created_at',
  jobs: 'id',
  events: 'run_id, id',
  points: 'job_id, step',
  checkpoints: 'job_id, step',
  subsets: 'run_id, created_at',
  workers: 'id',
  paces: 'created_at',
  rates: 'created_at',
};

function cleaned(text) {
  const neutral = text
    .replaceAll(new RegExp(`${hostname()}-\\d+-[0-9a-f]{6}`, 'g'), 'somewhere-1-abcdef')
    .replaceAll(`"host":"${hostname()}"`, '"host":"somewhere"');
  for (const own of [work, '/tmp/', '/root', '/home/', `"${hostname()}`]) {
    if (neutral.includes(own)) throw new Error(`${own} is left in ${neutral.slice(0, 500)}`);
  }
  return neutral;
}

const source = await openRuns({ databaseUrl: null, dataFolder: join(work, 'data') }, console.error);
const rows = {};
for (const [table, order] of Object.entries(TABLES)) {
  const found = await source.context.db.rows(
    z.object({ row: z.string() }),
    `select row_to_json(t)::text as row from contigua.${table} t order by ${order}`,
  );
  rows[table] = found.map(({ row }) => cleaned(row));
  console.log(table, rows[table].length);
}
const left = await source.context.db.rows(z.unknown(), 'select * from contigua.garbage');
if (left.length > 0) console.log('garbage left out:', left);
await source.close();
// A worker that was killed leaves its row.
const { workers } = JSON.parse(await readFile(join(work, 'runs.json'), 'utf8'));
const [{ engine, device, why, candidates, seenAt }] = workers;
const report = {
  name: engine,
  device,
  threads: 1,
  why,
  candidates: candidates.map((one) => ({ device: '', preferred: one.name === engine, ...one })),
};
rows.workers = [
  JSON.stringify({
    id: 'somewhere-1-abcdef',
    host: 'somewhere',
    pid: 1,
    slots: 1,
    report,
    started_at: seenAt,
    seen_at: seenAt,
  }),
];

async function fill({ context, close }) {
  for (const [table, all] of Object.entries(rows)) {
    for (const row of all) {
      await context.db.change(
        `insert into contigua.${table} overriding system value
         select * from jsonb_populate_record(null::contigua.${table}, $1::text::jsonb)`,
        [row],
      );
    }
  }
  await context.db.rows(
    z.unknown(),
    `select setval(pg_get_serial_sequence('contigua.jobs', 'id'), (select max(id) from contigua.jobs))`,
  );
  await close();
}

// Embedded.
const dataFolder = join(work, 'packed');
await rm(dataFolder, { recursive: true, force: true });
await mkdir(dataFolder);
await fill(await openRuns({ databaseUrl: null, dataFolder }, console.error));
await emptyLog(join(dataFolder, 'database'));
const tar = execFileSync(
  'tar',
  [
    '--sort=name',
    '--mtime=2026-01-01',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '-cf',
    '-',
    '-C',
    dataFolder,
    'database',
  ],
  { maxBuffer: 2 ** 28 },
);
if (tar.includes(work)) throw new Error('A path is left in the embedded database');
await mkdir(target, { recursive: true });
const params = { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: tar.length };
await writeFile(join(target, 'embedded.tar.br'), brotliCompressSync(tar, { params }));

// PostgreSQL.
const postgres = await makePostgres();
try {
  const url = await postgres.database('earlier');
  await fill(await openRuns({ databaseUrl: url, dataFolder }, console.error));
  const dump = execFileSync(
    join(ensurePostgres().bin, 'pg_dump'),
    ['--inserts', '--no-owner', '--no-privileges', '--no-comments', '--dbname', url],
    { maxBuffer: 2 ** 28, encoding: 'utf8' },
  );
  const lines = dump.split('\n').filter((line) => line !== '' && !line.startsWith('--') && !line.startsWith('\\'));
  await writeFile(join(target, 'postgres.sql.gz'), gzipSync(cleaned(`${lines.join('\n')}\n`), { level: 9 }));
} finally {
  await postgres.remove();
}

await rm(join(target, 'artifacts'), { recursive: true, force: true });
await cp(join(work, 'data', 'artifacts'), join(target, 'artifacts'), { recursive: true });

/** pg_control names the last checkpoint; the log before that checkpoint's page is never read again. */
async function emptyLog(database) {
  const control = await readFile(join(database, 'global', 'pg_control'));
  const SHUT_DOWN = 1;
  if (control.readUInt32LE(16) !== SHUT_DOWN) throw new Error('The database was not shut down in order');
  const folder = join(database, 'pg_wal');
  const segments = (await readdir(folder)).filter((name) => /^[0-9A-F]{24}$/.test(name)).sort();
  const [segmentBytes, pageBytes] = [16 * 2 ** 20, 8192];
  const checkpoint = control.readBigUInt64LE(32);
  const current = Number(checkpoint / BigInt(segmentBytes));
  const page = Math.floor(Number(checkpoint % BigInt(segmentBytes)) / pageBytes) * pageBytes;
  for (const name of segments) {
    const number = Number.parseInt(name.slice(8, 16), 16) * 256 + Number.parseInt(name.slice(16), 16);
    if (number < current) throw new Error('More than one segment of log; none was expected');
    if (number !== current) continue;
    const bytes = await readFile(join(folder, name));
    bytes.fill(0, pageBytes, page);
    await writeFile(join(folder, name), bytes);
  }
}

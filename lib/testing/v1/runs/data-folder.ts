/** A data folder and model roots as version 1 left them, laid out in a temporary folder: what a test opens and then changes. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import pg from 'pg';
import { compileQuickly } from '../../../server/database/testing.ts';
import { calibrationFile, shapesTiny } from '../models.ts';
import { bytesOf, textOf } from '../read-fixture.ts';

compileQuickly();

const HERE = fileURLToPath(new URL('./', import.meta.url));
const BUNDLED = fileURLToPath(new URL('../../../../public/models', import.meta.url));

export interface EarlierData {
  readonly folder: string;
  /** For readEnv, or for a process of its own. */
  readonly variables: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** `embedded` false leaves the database to the caller. */
export async function earlierData(embedded: boolean): Promise<EarlierData> {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-v1-'));
  const data = join(folder, 'data');
  await mkdir(data);
  if (embedded)
    execFileSync('tar', ['-xf', '-', '-C', data], { input: brotliDecompressSync(bytesOf('runs/embedded.tar.br')) });
  await cp(join(HERE, 'artifacts'), join(data, 'artifacts'), { recursive: true });
  const calibration = calibrationFile();
  const sha256 = createHash('sha256').update(calibration).digest('hex');
  await write(join(data, 'uploads', 'a8162fc844829001', `calibration-${sha256.slice(0, 8)}.safetensors`), calibration);
  for (const [path, bytes] of Object.entries(shapesTiny())) {
    await write(join(folder, 'models', 'shapes-tiny', path), bytes);
  }
  return {
    folder,
    variables: {
      CONTIGUA_DATA: data,
      CONTIGUA_MODELS: [`bundled=${BUNDLED}`, `earlier=${join(folder, 'models')}`].join(delimiter),
      CONTIGUA_ENGINE: 'wasm',
    },
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
}

/** Fills an empty PostgreSQL database. */
export async function loadDump(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(textOf('runs/postgres.sql.gz'));
  } finally {
    await client.end();
  }
}

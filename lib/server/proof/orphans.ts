/** What a product that has ended must not leave behind: processes, and stored files that nothing refers to. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalArtifacts } from '../artifacts/local.ts';
import { openRuns } from '../runs/open.ts';
import type { Setting } from './setting.ts';

/** A compute process looks for its parent twice a second. */
const GONE_WITHIN_MS = 10_000;

/** Command lines of processes that belong to the setting and still run; none where there is no /proc. */
export async function orphanedProcesses(setting: Setting): Promise<string[]> {
  for (const until = Date.now() + GONE_WITHIN_MS; ; await new Promise((go) => setTimeout(go, 200))) {
    const left = await processesOf(setting);
    if (left.length === 0 || Date.now() > until) return left;
  }
}

async function processesOf({ folder }: Setting): Promise<string[]> {
  const left: string[] = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    // A process that has just gone, and a zombie, have none.
    const environment = await readFile(join('/proc', pid, 'environ'), 'latin1').catch(() => '');
    if (!environment.includes(folder)) continue;
    left.push(
      `${pid} ${(await readFile(join('/proc', pid, 'cmdline'), 'latin1').catch(() => '')).replaceAll('\0', ' ')}`,
    );
  }
  return left;
}

/** Keys of stored files that no student, checkpoint or note of superfluous files names. The host must have ended. */
export async function orphanedFiles({ env }: Setting): Promise<string[]> {
  const { context, close } = await openRuns(env, () => {});
  try {
    const known = await context.db.rows(
      z.object({ key: z.string(), is_folder: z.boolean() }),
      `select student ->> 'key' as key, false as is_folder from contigua.jobs where student is not null
       union all select key, false from contigua.checkpoints
       union all select key, is_folder from contigua.garbage`,
    );
    const keys: string[] = [];
    for await (const key of new LocalArtifacts(join(env.dataFolder, 'artifacts')).list('')) keys.push(key);
    return keys.filter((key) => !known.some((one) => (one.is_folder ? key.startsWith(one.key) : key === one.key)));
  } finally {
    await close();
  }
}

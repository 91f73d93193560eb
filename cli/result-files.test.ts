import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createPrivately } from '../lib/server/database/private-folder.ts';
import { writeFileWhole } from './output.ts';
import { makeResultFolder, openResult } from './result-files.ts';

it.skipIf(process.platform === 'win32')('gives results the permissions of the user’s umask', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-output-'));
  const mask = process.umask(0o022);
  try {
    // As every command does that opens the data folder.
    createPrivately();
    await writeFileWhole(join(folder, 'plan.json'), '{}');
    await makeResultFolder(join(folder, 'a', 'b'));
    await (await openResult(join(folder, 'a', 'b', 'model.safetensors'))).close();
    const mode = async (...path: string[]) => (await stat(join(folder, ...path))).mode & 0o777;
    expect(await mode('plan.json')).toBe(0o644);
    expect([await mode('a'), await mode('a', 'b')]).toEqual([0o755, 0o755]);
    expect(await mode('a', 'b', 'model.safetensors')).toBe(0o644);
  } finally {
    process.umask(mask);
    await rm(folder, { recursive: true });
  }
});

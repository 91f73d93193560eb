import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabase } from './open.ts';
import { closeToOthers } from './private-folder.ts';
import { compileQuickly } from './testing.ts';

compileQuickly();

let folder = '';
let mask = 0;
beforeEach(async () => {
  mask = process.umask(0);
  folder = await mkdtemp(join(tmpdir(), 'contigua-private-'));
});
afterEach(async () => {
  process.umask(mask);
  await rm(folder, { recursive: true });
});

/** Paths below and including `top` that others may read, write or enter. */
async function openToOthers(top: string): Promise<string[]> {
  const paths = [top, ...(await readdir(top, { recursive: true })).map((name) => join(top, name))];
  const open = await Promise.all(paths.map(async (path) => ((await stat(path)).mode & 0o077) !== 0));
  return paths.filter((_, i) => open[i]);
}

describe.skipIf(process.platform === 'win32')('the data folder', () => {
  it('is its user’s alone with an umask that opens everything, the database and what comes later included', async () => {
    const data = join(folder, 'data');
    const db = await openDatabase({ databaseUrl: null, dataFolder: data });
    try {
      await db.change('create table contigua.grown as select generate_series(1, 20000) as value');
      await mkdir(join(data, 'artifacts'));
      await writeFile(join(data, 'artifacts', 'student.safetensors'), 'weights');
      expect(await openToOthers(data)).toEqual([]);
    } finally {
      await db.close();
    }
    expect(await openToOthers(data)).toEqual([]);
  });

  it('of an earlier version is closed when it is opened, and nothing outside it is touched', async () => {
    const data = join(folder, 'data');
    const outside = join(folder, 'outside');
    await mkdir(join(data, 'artifacts', 'run'), { recursive: true });
    await mkdir(outside);
    await writeFile(join(outside, 'file'), 'of somebody else');
    await writeFile(join(data, 'artifacts', 'run', 'student'), 'weights');
    await writeFile(join(data, 'notes.sh'), 'of the user');
    await chmod(join(data, 'notes.sh'), 0o755);
    await symlink(outside, join(data, 'uploads'));
    await symlink(join(outside, 'file'), join(data, 'artifacts', 'link'));
    const said: string[] = [];
    await closeToOthers(data, (sentence) => said.push(sentence));
    expect(said).toEqual([]);
    expect((await stat(data)).mode & 0o777).toBe(0o700);
    expect((await stat(join(data, 'artifacts'))).mode & 0o777).toBe(0o700);
    expect((await stat(join(data, 'artifacts', 'run', 'student'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(data, 'notes.sh'))).mode & 0o777).toBe(0o755);
    expect((await stat(outside)).mode & 0o777).toBe(0o777);
    expect((await stat(join(outside, 'file'))).mode & 0o777).toBe(0o666);
  });

  it('that is everybody’s by design stays so, and it is said', async () => {
    await chmod(folder, 0o1777);
    const said: string[] = [];
    await closeToOthers(folder, (sentence) => said.push(sentence));
    expect(said).toEqual([`${folder} belongs to another user or to everybody: its permissions are left as they are.`]);
    expect((await stat(folder)).mode & 0o7777).toBe(0o1777);
  });

  it('is left alone on Windows, where every folder looks like everybody’s', async () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform') ?? {};
    await chmod(folder, 0o1777);
    const said: string[] = [];
    Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
    await closeToOthers(folder, (sentence) => said.push(sentence)).finally(() =>
      Object.defineProperty(process, 'platform', platform),
    );
    expect(said).toEqual([]);
  });
});

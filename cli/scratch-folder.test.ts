import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { thisProcess } from '../lib/compute/folder/node-left-behind.ts';
import { makeScratchFolder } from './scratch-folder.ts';

let parent = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'contigua-scratch-'));
});
afterEach(() => rm(parent, { recursive: true }));

/** With a file in a folder of it, as states are. `idleHours`: since anything was written there. */
async function folder(name: string, idleHours = 0): Promise<string> {
  const states = join(parent, name, 'states');
  await mkdir(states, { recursive: true });
  await writeFile(join(states, '0.f32'), 'values');
  const at = new Date(Date.now() - idleHours * 3600_000);
  for (const path of [states, join(parent, name)]) await utimes(path, at, at);
  return name;
}

async function endedProcess(): Promise<number> {
  const ended = spawn(process.execPath, ['-e', '']);
  await once(ended, 'exit');
  return ended.pid ?? 0;
}

it('removes what killed commands left in the same place, and nothing of anybody who may be at work', async () => {
  const { namespace } = await thisProcess();
  const dead = await endedProcess();
  await folder(`contigua-maps-${hostname()}-${dead}-${namespace}-abcdef`);
  // Of another machine or container: nothing was written for more than a day.
  await folder(`contigua-maps-elsewhere-${dead}-${namespace}-abcdef`, 25);
  await folder(`contigua-maps-${hostname()}-${dead}-1-abcdef`, 25);
  const kept = [
    await folder(`contigua-maps-${hostname()}-${process.ppid}-${namespace}-abcdef`, 25),
    await folder(`contigua-maps-elsewhere-${dead}-${namespace}-fedcba`, 23),
    await folder(`contigua-export-${hostname()}-${dead}-${namespace}-abcdef`),
    await folder('contigua-maps-backup', 25),
  ];
  const linked = `contigua-maps-${hostname()}-${dead}-${namespace}-linked`;
  await symlink(join(parent, kept[0]!), join(parent, linked));

  const made = await makeScratchFolder(parent, 'contigua-maps');
  expect((await readdir(parent)).sort()).toEqual([...kept, linked, basename(made)].sort());
  expect(await readdir(join(parent, kept[0]!, 'states'))).toEqual(['0.f32']);
  // Its own is that of a process at work.
  const other = await makeScratchFolder(parent, 'contigua-maps');
  expect(await readdir(parent)).toEqual(expect.arrayContaining([basename(made), basename(other)]));
});

it('is made with the folder that it is to be in', async () => {
  expect(await readdir(await makeScratchFolder(join(parent, 'states'), 'contigua-maps'))).toEqual([]);
});

/** Scratch folders of job runners that live, were killed, or are in another PID namespace; each is a process of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openScratch } from './scratch.ts';

let data = '';
const children: ChildProcess[] = [];
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'contigua-scratch-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(data, { recursive: true });
});

/** A job runner that has opened its scratch folder; the name of that. */
async function jobRunner(before: readonly string[] = []): Promise<{ child: ChildProcess; name: string }> {
  const script = `
    const { openScratch } = await import(${JSON.stringify(new URL('./scratch.ts', import.meta.url).href)});
    const folder = await (await openScratch(${JSON.stringify(data)})).folder('1-1');
    console.log(folder.split('/').at(-2));
    setInterval(() => {}, 1e6);`;
  const node = [process.execPath, '--import', './scripts/sources.mjs', '--input-type=module', '-e', script];
  const [command = '', ...argv] = [...before, ...node];
  const child = spawn(command, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return { child, name: String((await once(child.stdout, 'data'))[0]).trim() };
}

const inNamespace = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
const canUnshare = spawnSync('unshare', [...inNamespace.slice(1), 'true']).status === 0;
if (!canUnshare)
  console.warn('PID namespaces cannot be made here: scratch folders of other containers are not tested.');

describe('the scratch folder of a job runner', () => {
  it('is gone once it is closed', async () => {
    const scratch = await openScratch(data);
    await scratch.folder('1-1');
    await scratch.close();
    expect(await readdir(join(data, 'scratch'))).toEqual([]);
  });

  it.skipIf(!canUnshare)(
    'stays while its job runner lives in another PID namespace, and goes when that is killed',
    async () => {
      const { child, name } = await jobRunner(inNamespace);
      const first = await openScratch(data);
      expect(await readdir(join(data, 'scratch', name))).toEqual(['1-1']);
      child.kill('SIGKILL');
      await expect
        .poll(
          async () => {
            await (await openScratch(data)).close();
            return (await readdir(join(data, 'scratch'))).some((one) => one.startsWith(name));
          },
          // `unshare` itself may be gone a moment before the process in it.
          { timeout: 120_000 },
        )
        .toBe(false);
      await first.close();
      expect(await readdir(join(data, 'scratch'))).toEqual([]);
    },
  );

  it('goes with the next start where a version without locks left it', async () => {
    const { child, name } = await jobRunner();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await rm(join(data, 'scratch', `${name}.lock`));
    // Whatever else lies there is nobody's scratch folder.
    await mkdir(join(data, 'scratch', 'notes'));
    await (await openScratch(data)).close();
    expect(await readdir(join(data, 'scratch'))).toEqual(['notes']);
  });
});

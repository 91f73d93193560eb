import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { httpFiles } from './http-files.ts';
import { saveFile } from './node-save-file.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-save-'));
});
afterEach(() => rm(root, { recursive: true }));
const urlOf = (path: string) => pathToFileURL(join(root, path)).href;
const bytes = (text: string) => new TextEncoder().encode(text);

it('writes the parts in order, replaces what was there, and says size and checksum', async () => {
  async function* parts() {
    yield bytes('block ');
    yield bytes('u');
  }
  await saveFile(urlOf('runs/a/student.bin'), [bytes('old and longer')]);
  const saved = await saveFile(urlOf('runs/a/student.bin'), parts());
  expect(saved).toEqual({
    url: urlOf('runs/a/student.bin'),
    sizeBytes: 7,
    sha256: createHash('sha256').update('block u').digest('hex'),
  });
  expect(await readFile(join(root, 'runs/a/student.bin'), 'utf8')).toBe('block u');
  expect(await readdir(join(root, 'runs/a'))).toEqual(['student.bin']);
});

it('keeps the former file and leaves nothing else when its source fails half way', async () => {
  await saveFile(urlOf('step.bin'), [bytes('step 1')]);
  function* failing() {
    yield bytes('step');
    throw new Error('the tensor is gone');
  }
  await expect(saveFile(urlOf('step.bin'), failing())).rejects.toThrow('the tensor is gone');
  expect(await readFile(join(root, 'step.bin'), 'utf8')).toBe('step 1');
  expect(await readdir(root)).toEqual(['step.bin']);
});

it('says `disk-full` with path and bytes where there is no room, and keeps the former file', async () => {
  await saveFile(urlOf('step.bin'), [bytes('step 1')]);
  // A limit on file sizes fails in the same system call as a full disk. 64 blocks are 32 or 64 KiB.
  const script = `
    const { saveFile } = await import(${JSON.stringify(new URL('./node-save-file.ts', import.meta.url).href)});
    const chunk = new Uint8Array(16 * 1024);
    const failure = await saveFile(${JSON.stringify(urlOf('step.bin'))}, Array(20).fill(chunk)).catch((e) => e);
    console.log(JSON.stringify([failure.code, failure.details?.file, failure.details?.found]));`;
  const tsx = ['--import', 'tsx', '--input-type=module', '-e', script];
  const child = spawn('sh', ['-c', 'ulimit -f 64; exec "$0" "$@"', process.execPath, ...tsx], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  const [code, file, found] = JSON.parse(output);
  expect([code, file]).toEqual(['disk-full', join(root, 'step.bin')]);
  expect(found).toMatch(/about (32768|65536) bytes/);
  expect(await readFile(join(root, 'step.bin'), 'utf8')).toBe('step 1');
  expect(await readdir(root)).toEqual(['step.bin']);
});

it('clears away what a killed writer of the same file left, and nobody else’s', async () => {
  const ended = spawn(process.execPath, ['-e', '']);
  await once(ended, 'exit');
  const dead = `.step.bin.${hostname()}-${ended.pid}-0.part`;
  const kept = [
    `.step.bin.${hostname()}-${process.ppid}-0.part`,
    `.step.bin.elsewhere-${ended.pid}-0.part`,
    `.step.bin.x.${hostname()}-${ended.pid}-0.part`,
  ];
  for (const name of [dead, ...kept]) await writeFile(join(root, name), 'half');
  await saveFile(urlOf('step.bin'), [bytes('whole')]);
  expect((await readdir(root)).sort()).toEqual([...kept, 'step.bin'].sort());
});

it('leaves a writer in another PID namespace alone, until nothing was written for a day', async () => {
  const ended = spawn(process.execPath, ['-e', '']);
  await once(ended, 'exit');
  const [own = '0'] = /\d+/.exec(await readlink('/proc/self/ns/pid').catch(() => '')) ?? [];
  const of = (namespace: string, number: number) => `.step.bin.${hostname()}-${ended.pid}-${number}-${namespace}.part`;
  const [dead, foreign, abandoned] = [of(own, 0), of('1', 1), of('1', 2)];
  for (const name of [dead, foreign, abandoned]) await writeFile(join(root, name), 'half');
  const before = new Date(Date.now() - 25 * 3600_000);
  await utimes(join(root, abandoned), before, before);
  await saveFile(urlOf('step.bin'), [bytes('whole')]);
  expect((await readdir(root)).sort()).toEqual([foreign, 'step.bin'].sort());
});

it('is refused in the browser', async () => {
  await expect(httpFiles().saveFile('http://h/x', [])).rejects.toMatchObject({ code: 'not-ready' });
});

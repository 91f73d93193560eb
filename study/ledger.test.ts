import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { Claimed, claimName, Ledger, measuredOf, NotMeasured } from './ledger.ts';

const never = () => Promise.reject(new Error('measured again'));
async function path(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'ledger-')), 'results.jsonl');
}

test('a result is measured once, by whichever process comes first', async () => {
  const file = await path();
  const [one, other] = [await Ledger.open(file), await Ledger.open(file)];
  expect(await one.once('a', async () => 1)).toBe(1);
  expect(await other.once('a', never)).toBe(1);
  expect(await (await Ledger.open(file)).once('a', never)).toBe(1);
});

test('a line that a cut-off left half written is measured again', async () => {
  const file = await path();
  await appendFile(file, '{"key":"a","value":1}\n{"key":"b","val');
  const ledger = await Ledger.open(file);
  expect(await ledger.once('a', never)).toBe(1);
  expect(await ledger.once('b', async () => 2)).toBe(2);
  expect(await (await Ledger.open(file)).once('b', never)).toBe(2);
});

test('published results are not measured again, and nothing is written to their file', async () => {
  const published = await path();
  await writeFile(published, '{"key":"a","value":1}\n');
  const ledger = await Ledger.open(await path(), { published });
  expect(await ledger.once('a', never)).toBe(1);
  expect(await ledger.once('b', async () => 2)).toBe(2);
  expect(await readFile(published, 'utf8')).toBe('{"key":"a","value":1}\n');
  const without = await Ledger.open(await path(), { published: join(await path(), 'none') });
  expect(await without.once('a', async () => 3)).toBe(3);
});

test('a ledger that is only read leaves out what was not measured', async () => {
  const file = await path();
  await (await Ledger.open(file)).once('a', async () => 1);
  const ledger = await Ledger.open(file, { onlyReads: true });
  await expect(ledger.once('b', async () => 2)).rejects.toThrow(NotMeasured);
  expect(await measuredOf([() => ledger.once('b', never), () => ledger.once('a', never)])).toEqual([1]);
});

test('what another process measures is waited for, and not measured twice', async () => {
  const file = await path();
  const [one, other] = [await Ledger.open(file), await Ledger.open(file)];
  let finish: (value: number) => void = () => {};
  let first: Promise<number> | null = null;
  await new Promise<void>((begun) => {
    first = one.once('a', () => {
      begun();
      return new Promise<number>((resolve) => {
        finish = resolve;
      });
    });
  });
  await expect(other.once('a', never)).rejects.toThrow(Claimed);
  const both = measuredOf([() => other.once('a', never), () => other.once('b', async () => 2)]);
  finish(1);
  expect(await first).toBe(1);
  expect(await both).toEqual([1, 2]);
});

test('the claim of a process that is gone counts for nothing, nor does one of a measurement that failed', async () => {
  const file = await path();
  const { pid, exitCode } = await new Promise<ChildProcess>((resolve) => {
    const child = spawn(process.execPath, ['-e', '']).on('exit', () => resolve(child));
  });
  expect(exitCode).toBe(0);
  const claims = join(dirname(file), 'claims');
  await mkdir(claims, { recursive: true });
  await writeFile(join(claims, claimName('a')), String(pid));
  const ledger = await Ledger.open(file);
  expect(await ledger.once('a', async () => 1)).toBe(1);
  await expect(ledger.once('b', never)).rejects.toThrow('measured again');
  expect(await ledger.once('b', async () => 2)).toBe(2);
});

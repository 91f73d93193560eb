import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./engine-tensorflow.mjs', import.meta.url));

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'contigua-setup-'));
});
afterEach(() => rm(root, { recursive: true }));

/** A program of this name on the only path that the script has. */
async function program(name: string, script: string): Promise<void> {
  await writeFile(join(root, name), `#!/bin/sh\n${script}\n`);
  await chmod(join(root, name), 0o755);
}

async function setUp(...options: string[]): Promise<{ code: number | null; output: string; left: string[] }> {
  const child = spawn(process.execPath, [SCRIPT, ...options], {
    env: { NODE_ENV: 'test', PATH: root, CONTIGUA_ENGINES: join(root, 'engines') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, output, left: await readdir(join(root, 'engines')).catch(() => []) };
}

/** Answers what the script asks of Python, and fails at what `failing` matches. */
const python = (failing: string) =>
  program('python3', `case "$*" in ${failing}) echo "no luck with $*" >&2; exit 1;; *) exit 0;; esac`);
const npm = () => program('npm', 'case "$1" in pack) exit 1;; *) exit 0;; esac');

describe('setting up the engine tensorflow', () => {
  it.each([
    ['an unknown option', async () => {}, ['--gpu'], /Unknown option --gpu/],
    ['no Python', async () => {}, ['--cpu'], /No Python was found \(tried python3 and python, 3\.8 or newer\)/],
    [
      'neither pip nor venv',
      () => python('*pip*|*venv*'),
      ['--cpu'],
      /Install pip \(Debian: `apt install python3-pip`\)/,
    ],
    [
      'no package',
      async () => {
        await python('nothing');
        await npm();
      },
      ['--cpu'],
      /npm could not fetch @tensorflow\/tfjs-node@4\.22\.0/,
    ],
    [
      'no wheel',
      async () => {
        await python('*download*');
        await program('npm', 'echo tfjs-node.tgz; touch "$4/tfjs-node.tgz"');
        await program('tar', 'exit 0');
        await program('touch', `exec ${process.execPath} -e 'require("fs").writeFileSync(process.argv[1], "")' "$1"`);
      },
      ['--cpu'],
      /pip could not download tensorflow==2\.21\.\*, for this Python or for 3\.12, .*no luck with -m pip download.*Check pip’s index/s,
    ],
  ])('says what is missing and leaves nothing behind: %s', async (_, prepare, options, message) => {
    await prepare();
    const { code, output, left } = await setUp(...options);
    expect(output).toMatch(/^The engine tensorflow could not be set up\. /m);
    expect(output).toMatch(message);
    expect(code).toBe(1);
    expect(left).toEqual([]);
  });

  it('clears away what a killed run left, and nothing of one that goes on', async () => {
    const ended = spawn(process.execPath, ['-e', '']);
    await once(ended, 'exit');
    await mkdir(join(root, `engines/tensorflow-${ended.pid}/package`), { recursive: true });
    await mkdir(join(root, `engines/tensorflow-${process.pid}`), { recursive: true });
    const { left } = await setUp('--cpu');
    expect(left).toEqual([`tensorflow-${process.pid}`]);
  });
});

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

/** The files that the stand-ins below hand out are pinned nowhere, nor are those of every platform that the tests run on. */
const CPU = ['--cpu', '--allow-unverified'];

/** Answers what the script asks of Python, and fails at what `failing` matches. */
const python = (failing: string) =>
  program('python3', `case "$*" in ${failing}) echo "no luck with $*" >&2; exit 1;; *) exit 0;; esac`);
const npm = () => program('npm', 'case "$1" in pack) exit 1;; *) exit 0;; esac');

describe('setting up the engine tensorflow', () => {
  it.each([
    ['an unknown option', async () => {}, ['--gpu'], /Unknown option --gpu/],
    ['no Python', async () => {}, CPU, /No Python was found \(tried python3 and python, 3\.8 or newer\)/],
    ['neither pip nor venv', () => python('*pip*|*venv*'), CPU, /Install pip \(Debian: `apt install python3-pip`\)/],
    [
      'no package',
      async () => {
        await python('nothing');
        await npm();
      },
      CPU,
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
      CPU,
      /pip could not download tensorflow(-cpu)?==2\.21\.\*, for Python 3\.11, 3\.12, .*no luck with -m pip download.*Check pip’s index/s,
    ],
  ])('says what is missing and leaves nothing behind: %s', async (_, prepare, options, message) => {
    await prepare();
    const { code, output, left } = await setUp(...options);
    expect(output).toMatch(/^The engine tensorflow could not be set up\. /m);
    expect(output).toMatch(message);
    expect(code).toBe(1);
    expect(left).toEqual([]);
  });

  it('refuses what no checksum is pinned for, before it fetches anything, and names the option that takes it', async () => {
    await program('python3', `echo fetched > ${join(root, 'fetched')}`);
    await program('npm', `echo fetched > ${join(root, 'fetched')}`);
    for (const options of [['--cuda'], ['--prebuilt']]) {
      const { code, output, left } = await setUp(...options);
      expect(output).toMatch(/No checksums are pinned for .*--allow-unverified takes the files all the same/s);
      expect([code, left]).toEqual([1, []]);
    }
    expect(await readdir(root)).not.toContain('fetched');
  });

  it('unpacks no package and no wheel with other bytes than the pinned ones, whatever is allowed', async () => {
    const put = `exec ${process.execPath} -e 'require("fs").writeFileSync(process.argv[1], "other bytes")'`;
    await program('put', `${put} "$1"`);
    await program('tar', `${put} ${join(root, 'unpacked')}`);
    await program('npm', 'echo tensorflow-tfjs-node-4.22.0.tgz; put "$4/tensorflow-tfjs-node-4.22.0.tgz"');
    await python('nothing');
    const archive = await setUp(...CPU);
    expect(archive.output).toMatch(/tensorflow-tfjs-node-4\.22\.0\.tgz is not the file that was pinned: found sha512-/);
    expect([archive.code, archive.left]).toEqual([1, []]);
    expect(await readdir(root)).not.toContain('unpacked');

    await program('npm', 'echo another.tgz; put "$4/another.tgz"');
    // `python -m pip download --no-deps --only-binary=:all: --dest FOLDER …`; other calls of Python would unpack.
    const wheel = 'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl';
    const download = `*download*) put "$7/${wheel}";; *re.search*) ${put} ${join(root, 'unpacked-wheel')};;`;
    await program('python3', `case "$*" in ${download} *) exit 0;; esac`);
    const library = await setUp(...CPU);
    expect(library.output).toMatch(/NOT VERIFIED: no checksum is pinned for another\.tgz; it has sha256:[0-9a-f]{64}/);
    expect(library.output).toMatch(/x86_64\.whl is not the file that was pinned: found sha256:/);
    expect([library.code, library.left]).toEqual([1, []]);
    expect(await readdir(root)).not.toContain('unpacked-wheel');
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

import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFile } from '../lib/core/checkpoint/index.ts';
import { FLUX_GOLDENS } from '../lib/core/model/flux/goldens.ts';
import { FLUX2_GOLDENS } from '../lib/core/model/flux2/goldens.ts';
import { goldenCase } from '../lib/core/model/index.ts';
import { SD3_GOLDENS } from '../lib/core/model/sd3/goldens.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import { tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside, spawnContigua } from './contigua-fixtures.ts';

let folder = '';

const contigua = (...argv: string[]) => contiguaInside(argv, folder);

async function writeModel(name: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(join(folder, name, 'transformer'), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, name, 'transformer', path), bytes);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-modulation-'));
  const tiny = await tinyModel();
  await writeModel('tiny', tiny.files);
  await writeFile(join(folder, 'in.safetensors'), tiny.inputs);
  for (const [name, golden] of [
    ['flux', FLUX_GOLDENS[0]!],
    ['sd3', SD3_GOLDENS[0]!],
    ['flux2', FLUX2_GOLDENS[0]!],
  ] as const) {
    await writeModel(name, (await tinyModel((all) => all, goldenCase(golden))).files);
  }
});
afterAll(() => rm(folder, { recursive: true }));

const sampleOf = async (model: string) => {
  const { code, stderr } = await contigua(
    'forward',
    model,
    '--inputs',
    'in.safetensors',
    '--out',
    'out.safetensors',
    '--engine',
    'wasm',
  );
  expect(code, stderr).toBe(0);
  const bytes = await readFile(join(folder, 'out.safetensors'));
  return await (await openFile({ path: 'out', blob: new Blob([bytes]) })).readFloat32('sample');
};

describe('contigua plan --modulation and contigua export --plan', () => {
  it('plan by the error allowed, say what it saves, and write a folder that opens with the same outputs', async () => {
    const planned = await contigua('plan', 'tiny', '--modulation', '0.0001%', '--out', 'plan.json', '--engine', 'wasm');
    expect(planned.code, planned.stderr).toBe(0);
    expect(planned.stderr).toMatch(/modulations at rank \d+: .* error at held-out timesteps; saves .* parameters/);
    expect(planned.stderr).toMatch(/error by rank: 1: .* %, 2: /);
    const plan = parsePlan(await readFile(join(folder, 'plan.json'), 'utf8'), 'plan.json');
    expect(plan.edits).toMatchObject([{ on: 'modulation', blocks: 'all', by: { rank: expect.any(Number) } }]);
    const [edit] = plan.edits;
    expect(edit).toHaveProperty('fitError');
    expect((edit as { fitError: number }).fitError).toBeLessThanOrEqual(1e-6);

    // In a process of its own, whose end the command waits for before it leaves the folder.
    const asked = ['export', 'tiny', '--plan', 'plan.json', '--out', 'shared', '--engine', 'wasm'];
    const exported = await spawnContigua(asked, folder);
    expect(exported.code, exported.stderr).toBe(0);
    expect(exported.stderr).toContain('No class of diffusers or PPCL reads the result');
    const card = await readFile(join(folder, 'shared/README.md'), 'utf8');
    expect(card).toContain('Contigua alone reads it');
    expect(card).toContain('Matrices that are multiplied out would load there, but would be as large');
    const [whole, shared] = [await sampleOf('tiny'), await sampleOf('shared')];
    const scale = Math.max(...whole.map(Math.abs));
    for (const [i, x] of shared.entries()) expect(Math.abs(x - whole[i]!)).toBeLessThan(2e-5 * scale);
    // An earlier export makes room.
    expect((await contigua('export', 'tiny', '--plan', 'plan.json', '--out', 'shared', '--engine', 'wasm')).code).toBe(
      0,
    );
  }, 300_000);

  it('plan a table over a schedule, which the exported folder refuses to leave', async () => {
    expect(
      (await contigua('plan', 'tiny', '--modulation', '4steps', '--out', 'table.json', '--engine', 'wasm')).stderr,
    ).toContain('timesteps: 1, 0.75, 0.5, 0.25');
    expect((await contigua('export', 'tiny', '--plan', 'table.json', '--out', 'table', '--engine', 'wasm')).code).toBe(
      0,
    );
    const { code, stderr } = await contigua(
      'forward',
      'table',
      '--inputs',
      'in.safetensors',
      '--out',
      'o.safetensors',
      '--engine',
      'wasm',
    );
    expect([code, stderr]).toEqual([1, expect.stringMatching(/other timesteps alone.*0\.37.*1, 0\.75, 0\.5, 0\.25/s)]);
  }, 300_000);

  it.each([
    ['tiny', '65', 1, /1 to 64, the width of the model/],
    ['tiny', '0', 2, /a rank \(8\), the error that may be left \(1%\)/],
    ['tiny', '8th', 2, /a rank \(8\)/],
    ['flux', '8', 1, /pooled/],
    ['sd3', '1%', 1, /pooled/],
    ['flux2', '8', 1, /share one modulation already/],
  ])(
    'are refused for %s at %s, with the reason',
    async (model, what, code, reason) => {
      const ended = await contigua('plan', model, '--modulation', what, '--engine', 'wasm');
      expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(reason)]);
      expect(ended.stdout).toBe('');
    },
    120_000,
  );

  it('measure the output error of shared modulations, or say that it is not measured', async () => {
    const planOf = (...options: string[]) => contigua('plan', 'tiny', ...options, '--engine', 'wasm');
    const measured = await planOf('--modulation', '8', '--measure');
    expect(measured.code, measured.stderr).toBe(0);
    const plan = parsePlan(measured.stdout, 'plan.json');
    expect(plan.choice?.outputError).toBeGreaterThan(0);
    expect(plan.choice?.measuredOn).toMatch(/SYNTHETIC/);
    expect(measured.stderr).not.toContain('is not measured');
    for (const options of [
      ['--modulation', '8'],
      ['--intervals', 'm8'],
    ]) {
      const { stderr } = await planOf(...options);
      expect(stderr).toContain('is not measured; `--measure` does it.');
    }
    const beside = await planOf('--intervals', 'm8.f0-image.f0-text', '--measure');
    expect(beside.code, beside.stderr).toBe(0);
    const mixed = parsePlan(beside.stdout, 'plan.json');
    expect(mixed.choice?.outputError).toBeGreaterThan(plan.choice?.outputError ?? Number.NaN);
    const refused = await planOf('--intervals', 'x1000_500', '--measure');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      expect.stringMatching(/--measure does not run tables.*found mod/),
    ]);
  }, 300_000);

  it('refuse to export what has to be trained first', async () => {
    await contigua('plan', 'tiny', '--intervals', '[[0,1]]', '--by', 'student', '--out', 'runs.json');
    const { code, stderr } = await contigua('export', 'tiny', '--plan', 'runs.json', '--out', 'never');
    expect([code, stderr]).toEqual([1, expect.stringMatching(/0-1 student.*contigua distil/s)]);
  }, 120_000);
});

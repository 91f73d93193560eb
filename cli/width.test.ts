import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { editKey } from '../lib/core/edit/index.ts';
import { FLUX_GOLDENS } from '../lib/core/model/flux/goldens.ts';
import { goldenCase } from '../lib/core/model/index.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside } from './contigua-fixtures.ts';

/** A command starts processes and an engine, on a machine that may be busy. */
const PATIENCE_MS = 600_000;
let folder = '';

const contigua = (command: string) => contiguaInside(command.split(' '), folder);

const text = (path: string) => readFile(join(folder, path), 'utf8');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-width-'));
  const flux = (await tinyModel((all) => all, goldenCase(FLUX_GOLDENS[0]!))).files;
  for (const [name, files] of [
    ['tiny', (await tinyModel()).files],
    ['flux', flux],
  ] as const) {
    await mkdir(join(folder, name, 'transformer'), { recursive: true });
    for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, name, 'transformer', path), bytes);
  }
});
afterAll(() => rm(folder, { recursive: true }));

describe('contigua analyse --width, plan and export --plan', () => {
  it(
    'measure linear maps one by one, choose the least harmful, and write a folder that opens',
    async () => {
      const analysed = await contigua(
        'analyse tiny --samples 8 --timesteps 2 --width text-all,ffn --out report.json --engine wasm',
      );
      expect(analysed.code, analysed.stderr).toBe(0);
      expect(analysed.stderr).toMatch(/text groups, least damage first[\s\S]*0-1 text: [\d.]+ %/);
      const report = parseReport(await text('report.json'), 'report.json');
      expect(report.width?.map(({ edit }) => editKey(edit))).toEqual([
        '0-1 text',
        '0 image ffn',
        '0 text ffn',
        '1 image ffn',
        '1 text ffn',
      ]);
      const group = report.width?.[0];
      expect(group?.outputError).toBeGreaterThan(0);
      expect(group?.fitError).toBeGreaterThan(0);

      const planned = await contigua('plan tiny --report report.json --text 1 --ffn 1 --out plan.json');
      expect(planned.code, planned.stderr).toBe(0);
      expect(planned.stderr).toMatch(/predicted output error: [\d.]+ %/);
      const plan = parsePlan(await text('plan.json'), 'plan.json');
      expect(plan.edits.map(({ on }) => on)).toContain('text-stream');
      expect(plan.edits.map(({ on }) => on)).toContain('ffn');
      expect(plan.edits.find(({ on }) => on === 'text-stream')).toMatchObject({
        fitError: group?.fitError,
        outputError: group?.outputError,
      });

      const exported = await contigua(
        'export tiny --plan plan.json --out narrow --samples 8 --timesteps 2 --engine wasm --states maps --memory 4GB',
      );
      expect(exported.code, exported.stderr).toBe(0);
      expect(await readdir(join(folder, 'maps'))).toEqual([]);
      expect(exported.stderr).toMatch(/held-out error of the linear maps[\s\S]*0-1 text: [\d.]+ %/);
      const small = await contigua(
        'export tiny --plan plan.json --out never --samples 8 --timesteps 2 --engine wasm --states maps --disk 0.01MB',
      );
      expect([small.code, small.stderr]).toEqual([1, expect.stringMatching(/budget of disk.*expected at least/s)]);
      expect(await readdir(join(folder, 'maps'))).toEqual([]);
      const measured = await contigua(
        'plan tiny --intervals 0-1p.f0-image --measure --states maps --disk 1GB --engine wasm --out measured.json',
      );
      expect(measured.code, measured.stderr).toBe(0);
      expect(measured.stderr).toMatch(/measured output error/);
      expect(await readdir(join(folder, 'maps'))).toEqual([]);
      const alone = await contigua('plan tiny --intervals 0-1 --states maps --out never.json');
      expect([alone.code, alone.stderr]).toEqual([2, expect.stringMatching(/--states is for --measure/)]);
      const inspected = await contigua('inspect narrow --json');
      expect(JSON.parse(inspected.stdout)).toMatchObject({ parameters: plan.parameters.after });
    },
    PATIENCE_MS,
  );

  it(
    'say what cannot be had without training, and what the structure of a model does not allow',
    async () => {
      await contigua('plan tiny --intervals 0-1s --out student.json');
      const student = await contigua('export tiny --plan student.json --out never');
      expect([student.code, student.stderr]).toEqual([1, expect.stringMatching(/0-1 student.*contigua distil/s)]);
      const many = await contigua('plan tiny --text 1 --out never.json');
      expect([many.code, many.stderr]).toEqual([2, expect.stringMatching(/--text and --ffn need the --report/)]);
      const half = await contigua('plan tiny --intervals f0-image --out half.json');
      expect(half.code, half.stderr).toBe(0);
      const refused = await contigua('export tiny --plan half.json --out never');
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/all streams of a block or of none/)]);
      const flux = await contigua('analyse flux --samples 6 --timesteps 2 --width text-all,ffn --engine wasm');
      expect(flux.code, flux.stderr).toBe(0);
      // Of its two blocks one has a text stream of its own.
      expect(flux.stderr).toContain('--width text-all: nothing to measure. No two blocks in a row');
      expect(flux.stderr).toMatch(/ {2}0 text ffn: [\d.]+ %/);
    },
    PATIENCE_MS,
  );
});

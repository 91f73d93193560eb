/** Plans of every kind of edit under a budget, from the sample model's own report. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ffnEdit, modulationEdit } from '../lib/core/edit/index.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { contiguaInside, spawnContigua } from './contigua-fixtures.ts';

/** A command starts several processes and an engine in each. */
const PATIENCE_MS = 900_000;
const MODEL = fileURLToPath(new URL('../public/models/shapes-mmdit', import.meta.url));
const FLUX = fileURLToPath(new URL('../public/models/shapes-flux', import.meta.url));
let folder = '';

const contigua = (command: string) => contiguaInside(command.split(' '), folder);
const planOf = async (file: string) => parsePlan(await readFile(join(folder, file), 'utf8'), file);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-kinds-'));
  const { code, stderr } = await contigua(
    `analyse ${MODEL} --samples 8 --timesteps 2 --ablation intervals --width text-all,ffn --out report.json`,
  );
  expect(code, stderr).toBe(0);
}, PATIENCE_MS);
afterAll(() => rm(folder, { recursive: true }));

describe('contigua plan --budget --allow run,text,ffn,modulation', () => {
  it(
    'plans every kind with locked and forbidden blocks left alone, measures them together, and writes all of it',
    async () => {
      // In a process of its own, which has to end before the folder of its maps goes.
      const asked = `plan ${MODEL} --report report.json --budget params=60% --allow run,text,ffn,modulation --lock 0 --forbid 15 --measure --out plan.json`;
      const planned = await spawnContigua(asked.split(' '), folder);
      expect(planned.code, planned.stderr).toBe(0);
      // Errors that are weighted to early timesteps have no bounds.
      expect(planned.stderr).toMatch(
        /predicted damage: [\d.]+ % \(output error, removed, early steps, squares added up\)/,
      );
      expect(planned.stderr).toMatch(/predicted output error: [\d.]+ %, from what \d+ edits cost alone/);
      expect(planned.stderr).toMatch(/measured output error: [\d.]+ %/);
      expect(planned.stderr).toMatch(/facts held: \d+ of \d+/);
      expect(planned.stderr).toMatch(
        /forward time on \w+: [\d.]+ → [\d.]+ ms, middle halves of \d+ runs in turn [\d.]+–[\d.]+ → .*; [\d.]+ [MG]FLOP → [\d.]+ [MG]FLOP/,
      );
      const { version, edits, parameters, blocks, choice } = await planOf('plan.json');
      expect(version).toBe(3);
      expect(parameters.after).toBeLessThanOrEqual(0.6 * parameters.before);
      expect(choice?.outputError).toBeGreaterThan(0);
      expect(choice?.outputError).toBeLessThan(0.5);
      const kinds = new Set(edits.map(({ on }) => on));
      expect(kinds).toContain('modulation');
      expect(kinds).toContain('ffn');
      for (const edit of edits) {
        if (edit.on === 'modulation') expect(edit.blocks).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
        else if (edit.on === 'ffn') expect([0, 15]).not.toContain(edit.block);
        else expect(edit.last).toBeLessThan(15);
        expect(edit).toHaveProperty(edit.on === 'modulation' ? 'fitError' : 'outputError');
      }
      // What was measured is read again, with the cost and the prediction that the plan had.
      const predicted = Number(/predicted damage: ([\d.]+) %/.exec(planned.stderr)?.[1]);
      const again = `plan ${MODEL} --report report.json --budget params=70% --measured plan.json --front --json`;
      const listed = await contigua(`${again} --allow run,text,ffn,modulation`);
      expect(listed.code, listed.stderr).toBe(0);
      const { measured } = JSON.parse(listed.stdout) as { measured: { predictedDamage: number }[] };
      expect(measured).toMatchObject([
        {
          file: 'plan.json',
          cost: parameters.after,
          outputError: choice?.outputError,
          blocksRemoved: 16 - blocks.after,
        },
      ]);
      expect(100 * measured[0]!.predictedDamage).toBeCloseTo(predicted, 1);
      expect(listed.stderr).toMatch(/plan\.json: predicted .*\ncorrected: n\/a, from 1 measured plan; at least 4/);
      const without = await contigua(`${again} --allow run,text,ffn`);
      expect([without.code, without.stderr]).toEqual([
        1,
        expect.stringMatching(/plan\.json: Nothing is predicted of an edit.*found .*modulation rank/),
      ]);
    },
    PATIENCE_MS,
  );

  it(
    'keeps what is chosen already, of any kind, and lists the front with it',
    async () => {
      const asked = `plan ${MODEL} --report report.json --budget params=70% --allow run,text,ffn --intervals f9-image.f9-text.m8`;
      const planned = await contigua(`${asked} --out kept.json`);
      expect(planned.code, planned.stderr).toBe(0);
      const { edits } = await planOf('kept.json');
      for (const edit of [ffnEdit(9, 'image'), ffnEdit(9, 'text'), modulationEdit({ rank: 8 })]) {
        expect(edits).toContainEqual(expect.objectContaining(edit));
      }
      const listed = await contigua(`${asked} --front --json`);
      const { front } = JSON.parse(listed.stdout) as { front: { intervals: string; bounds?: object }[] };
      expect(front.length).toBeGreaterThan(3);
      for (const { intervals } of front) expect(intervals).toMatch(/m8/);
      const locked = await contigua(`${asked} --lock 9`);
      expect([locked.code, locked.stderr]).toEqual([
        1,
        expect.stringMatching(/rank 8 is chosen, and block 9 is locked/),
      ]);
      const twice = await contigua(`${asked} --modulation 8`);
      expect([twice.code, twice.stderr]).toEqual([2, expect.stringMatching(/both share modulations/)]);
      const table = await contigua(
        `plan ${MODEL} --report report.json --budget params=70% --allow run,modulation --intervals x1000_500`,
      );
      expect([table.code, table.stderr]).toEqual([1, expect.stringMatching(/says nothing about a chosen edit/)]);
      // Before anything is measured.
      for (const { stderr } of [locked, twice, table]) expect(stderr).not.toContain('modulations:');
    },
    PATIENCE_MS,
  );

  it(
    'is refused before anything is measured where a report or a family has nothing of a kind',
    async () => {
      const report = parseReport(await readFile(join(folder, 'report.json'), 'utf8'), 'report.json');
      await writeFile(join(folder, 'bare.json'), JSON.stringify({ ...report, width: undefined }));
      const bare = await contigua(`plan ${MODEL} --report bare.json --budget params=70% --allow run,text,modulation`);
      expect([bare.code, bare.stderr]).toEqual([
        1,
        expect.stringMatching(/No text groups can be planned.*--width text/),
      ]);
      expect(bare.stderr).not.toContain('modulations:');
      const analysed = await contigua(`analyse ${FLUX} --samples 8 --timesteps 2 --out flux.json`);
      expect(analysed.code, analysed.stderr).toBe(0);
      for (const [kind, reason] of [
        ['text', /No text groups can be planned.*report that did not measure text groups.*--width text/],
        ['ffn', /No feed-forward layers can be planned.*report that did not measure feed-forward layers.*--width ffn/],
        ['modulation', /No shared modulations can be planned; found modulation: .*pooled/],
      ] as const) {
        const flux = await contigua(`plan ${FLUX} --report flux.json --budget params=80% --allow run,${kind}`);
        expect([flux.code, flux.stderr]).toEqual([1, expect.stringMatching(reason)]);
      }
    },
    PATIENCE_MS,
  );
});

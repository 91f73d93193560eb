/** What the terminal does with the published config of Qwen-Image and none of its 41 GB. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePlan } from '../lib/core/plan/index.ts';
import { QWEN_IMAGE_CONFIG } from '../lib/testing/qwen-image-config.ts';
import { contiguaInside } from './contigua-fixtures.ts';

const PATIENCE_MS = 120_000;
const INTERVALS = '3-4s.5-7s.8-10s.11-12s.15-24s.25-27s.29-30s.42-43s.45-47s.48-49s.52-53s.54-55s.56-57s';
/** The defaults of PPCL's pipeline_save.py. */
const WIDTH = 't36-37.t40-41.t50-59.f2-image.f2-text.f58-image.f59-image';
let folder = '';

const contigua = (command: string) => contiguaInside(command.split(' '), folder);
const json = async (file: string) => JSON.parse(await readFile(join(folder, file), 'utf8')) as Record<string, unknown>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-config-'));
  await mkdir(join(folder, 'Qwen-Image', 'transformer'), { recursive: true });
  await writeFile(join(folder, 'Qwen-Image', 'transformer', 'config.json'), JSON.stringify(QWEN_IMAGE_CONFIG));
  await writeFile(join(folder, 'mine.json'), JSON.stringify({ ...QWEN_IMAGE_CONFIG, num_layers: 35 }));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a config.json without weights', () => {
  it.each([
    ['Qwen-Image', 'Qwen-Image', '20,430,401,088'],
    ['Qwen-Image/transformer', 'Qwen-Image', '20,430,401,088'],
    ['Qwen-Image/transformer/config.json', 'Qwen-Image', '20,430,401,088'],
    ['mine.json', 'mine', '11,934,618,688'],
  ])(
    'is inspected as %s, and said to be without them',
    async (path, name, parameters) => {
      const { code, stdout, stderr } = await contigua(`inspect ${path}`);
      expect(code, stderr).toBe(0);
      expect(stdout.split('\n')[0]).toBe(name);
      expect(stdout).toContain(parameters);
      expect(stdout).toMatch(/weights +none here: all of this is counted from config\.json alone/);
      expect(stdout).toMatch(/fingerprint +sha256:[0-9a-f]{64}, of config\.json alone/);
    },
    PATIENCE_MS,
  );

  it(
    'counts the 13 published intervals, and writes their config',
    async () => {
      const planned = await contigua(
        `plan Qwen-Image --intervals ${INTERVALS} --out plan.json --config-out config.json`,
      );
      expect(planned.code, planned.stderr).toBe(0);
      expect(planned.stderr).toContain('60 → 35 blocks, 20,430,401,088 → 11,934,618,688 parameters');
      expect(planned.stderr).toContain('Counted from config.json alone.');
      expect(await json('config.json')).toEqual({ ...QWEN_IMAGE_CONFIG, num_layers: 35 });
    },
    PATIENCE_MS,
  );

  it(
    'counts the published width defaults beside them, with the index lists of the official class',
    async () => {
      const planned = await contigua(
        `plan Qwen-Image --intervals ${INTERVALS}.${WIDTH} --out wide.json --config-out wide-config.json`,
      );
      expect(planned.code, planned.stderr).toBe(0);
      expect(planned.stderr).toContain('20,430,401,088 → 10,603,653,184 parameters');
      expect(planned.stderr).not.toContain('`--measure` does it');
      const { parameters, blocks } = parsePlan(await readFile(join(folder, 'wide.json'), 'utf8'), 'wide.json');
      expect([parameters.after, blocks.after]).toEqual([10_603_653_184, 35]);
      expect(await json('wide-config.json')).toMatchObject({
        num_layers: 35,
        single_stream_index: [19, 23, 29, 30, 31, 32, 33, 34],
        ffn_proj_index: [2, 33, 34],
        ehs_proj_index: [19, 23, 34],
      });
      // The config that was written is one to inspect in turn.
      expect((await contigua('inspect wide-config.json')).stdout).toContain('10,603,653,184');
    },
    PATIENCE_MS,
  );

  it.each([
    ['plan Qwen-Image --intervals 3-4 --measure', /--measure needs the weights/],
    ['plan Qwen-Image --modulation 8', /--modulation needs the weights/],
    ['analyse Qwen-Image --out report.json', /This request needs the weights/],
    ['capture Qwen-Image --out captured', /This request needs the weights/],
    ['distil Qwen-Image --plan plan.json --estimate', /no weights beside it.*config\.json by itself/],
  ])(
    'is refused by `%s`, which says what is missing',
    async (command, message) => {
      const { code, stderr } = await contigua(`${command} --engine cpu`);
      expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
      expect(stderr).toMatch(/Without weights blocks, parameters|can be opened to count/);
    },
    PATIENCE_MS,
  );

  it(
    'is refused where it is none',
    async () => {
      await writeFile(join(folder, 'list.json'), '[1, 2]');
      await writeFile(join(folder, 'other.json'), '{"_class_name": "UNet2DConditionModel"}');
      await writeFile(join(folder, 'empty.json'), '');
      for (const [file, message] of [
        ['list.json', /list\.json: /],
        ['other.json', /other\.json: .*UNet2DConditionModel/],
        ['empty.json', /empty\.json: The file is empty/],
      ] as const) {
        const { code, stderr } = await contigua(`inspect ${file}`);
        expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
      }
    },
    PATIENCE_MS,
  );
});

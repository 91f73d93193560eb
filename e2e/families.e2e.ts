/**
 * One journey for each model family, on a tiny model that diffusers wrote (training/tiny_models.py): it is opened, analysed
 * on seeded noise, an interval is chosen and distilled, and the smaller model that is downloaded opens again. Two of the
 * models are stored as other programs store them.
 */
import { cp, mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from '@playwright/test';
import { FAMILIES } from '../lib/core/model/config-index.ts';
import {
  alerts,
  analyse,
  bytesOf,
  downloadBy,
  dragBlocks,
  expect,
  expectChosen,
  fact,
  open,
  panel,
  pick,
  planLine,
  test,
} from './contigua.ts';
import { writeFolder } from './model-folder.ts';
import { hostIsUp, openDistilOfChoice, runIsDone, startDistilling, TRAINING_MS } from './runs.ts';
import { unzip } from './unzip.ts';

interface Journey {
  readonly family: string;
  /** Below lib/testing/models: a folder, or one file. */
  readonly path: string;
  /** The facts of the model, before and after. */
  readonly blocks: readonly [before: string, after: string];
  readonly storedAs: string;
  readonly choose: readonly [first: number, last: number];
  /** What the plan says of its costs. */
  readonly note?: string;
  /** Blocks that differ from the others of their stack, before and after. */
  readonly marks?: readonly [before: readonly string[], after: readonly string[]];
}

const JOURNEYS: readonly Journey[] = [
  { family: 'qwen-image', path: 'qwen-image', blocks: ['5', '3'], storedAs: 'BF16', choose: [1, 3] },
  // The second stack, whose blocks are numbered from 0 in the files.
  {
    family: 'flux',
    path: 'flux',
    blocks: ['7 = 3 dual + 4 single', '5 = 3 dual + 2 single'],
    storedAs: 'BF16',
    choose: [4, 6],
  },
  {
    family: 'flux',
    path: 'flux-gguf',
    blocks: ['5 = 2 dual + 3 single', '4 = 1 dual + 3 single'],
    storedAs: 'Q8_0, F32, F16',
    choose: [0, 1],
  },
  {
    family: 'flux2',
    path: 'flux2',
    blocks: ['7 = 3 dual + 4 single', '5 = 3 dual + 2 single'],
    storedAs: 'BF16',
    choose: [4, 6],
    note: 'is shared by all blocks',
  },
  // From a block of dual attention to one without.
  {
    family: 'sd3',
    path: 'sd3',
    blocks: ['5', '3'],
    storedAs: 'BF16',
    choose: [1, 3],
    marks: [
      ['dual attention: blocks 0–1', 'no text output: block 4'],
      ['dual attention: blocks 0–1', 'no text output: block 2'],
    ],
  },
  // The last block goes, and the one that becomes the last loses its text output.
  { family: 'sd3', path: 'sd3.5-tiny.safetensors', blocks: ['5', '3'], storedAs: 'F16', choose: [2, 4] },
];
const MODELS = fileURLToPath(new URL('../lib/testing/models', import.meta.url));
const ROOT = process.env.E2E_MODELS;

test('every family has a journey', () => {
  expect(new Set(JOURNEYS.map(({ family }) => family))).toEqual(new Set(FAMILIES.map(({ name }) => name)));
});

for (const { family, path, blocks, storedAs, choose, note, marks } of JOURNEYS) {
  const [first, last] = choose;
  test(`${family} (${path}): opened, analysed, cut, distilled, downloaded, and opened again`, async ({
    page,
    request,
  }) => {
    test.skip(ROOT === undefined, 'a server of someone else’s has its own roots');
    test.setTimeout(TRAINING_MS + 120_000);
    await hostIsUp(request);
    const stored = join(MODELS, path);
    const onServer = join(ROOT ?? '', basename(path));
    await mkdir(ROOT ?? '', { recursive: true });
    await cp(stored, onServer, { recursive: true });

    await open(page);
    await openStored(page, stored);
    await expect(fact(page, 'Family')).toHaveText(family);
    await expect(fact(page, 'Blocks')).toHaveText(blocks[0]);
    await expect(fact(page, 'Stored as')).toHaveText(storedAs);
    if (marks) await expectMarks(page, marks[0]);
    await page.getByRole('textbox', { name: 'Samples' }).fill('8');
    await analyse(page);
    await expect(panel(page, 'Blocks')).toContainText('SYNTHETIC inputs, seed 1');
    await dragBlocks(page, first, last);
    await expectChosen(page, [choose]);
    const before = Number(/^\d+/.exec(blocks[0]));
    await expect(planLine(page, 'Blocks')).toContainText(`${before} → ${before - (last - first)}`);
    if (note) await expect(panel(page, 'Plan')).toContainText(note);

    await startDistilling(page, await openDistilOfChoice(page, { steps: 2 }));
    await runIsDone(page, 1);
    await page.getByRole('button', { name: 'Download', exact: true }).click();
    const menu = page.getByRole('dialog', { name: 'Download', exact: true });
    const zip = await downloadBy(page, () => menu.getByRole('link', { name: 'Student model' }).click());
    const folder = await writeFolder(`${family}-smaller`, unzip(await bytesOf(zip)));
    await rm(onServer, { recursive: true });

    await open(page);
    await openStored(page, folder);
    await expect(fact(page, 'Family')).toHaveText(family);
    await expect(fact(page, 'Blocks')).toHaveText(blocks[1]);
    if (marks) await expectMarks(page, marks[1]);
    await page.getByRole('textbox', { name: 'Samples' }).fill('8');
    await analyse(page);
    await expect(alerts(page)).toHaveCount(0);
  });
}

/** The legend, and the same in words for the block at the end. */
async function expectMarks(page: Page, marks: readonly string[]): Promise<void> {
  const legend = panel(page, 'Blocks').getByRole('list', { name: 'Marks of blocks' });
  await expect(legend.getByRole('listitem')).toHaveText([...marks]);
  const last = page.getByRole('option', { name: /^Block \d+$/ }).last();
  await expect(last).toHaveAccessibleDescription('no text output');
  await last.hover();
  await expect(panel(page, 'Blocks').getByText(/^Block \d+ \(no text output\)/)).toBeVisible();
}

/** By the button for folders, or the one for files. */
async function openStored(page: Page, path: string): Promise<void> {
  const button = /\.(safetensors|gguf)$/.test(path) ? 'Open file' : 'Open folder';
  await pick(page, () => page.getByRole('button', { name: button, exact: true }).click(), path);
  await expect(fact(page, 'Family')).not.toHaveText('');
  await expect(panel(page, 'Model').getByText('shapes-mmdit', { exact: true })).toHaveCount(0);
}

/** A folder of one's own: read in place, in every layout and dtype, calibrated by noise that says so or by a file. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Page } from '@playwright/test';
import {
  alerts,
  analyse,
  downloadBy,
  dragBlocks,
  dropFile,
  expect,
  expectChosen,
  fact,
  open,
  panel,
  pick,
  planLine,
  test,
  testAnalysed,
  textOf,
} from './contigua.ts';
import { calibrationFile, type FolderOptions, transformerFiles, writeFolder } from './model-folder.ts';

const LAYOUTS: readonly (FolderOptions & { stored: string })[] = [
  { dtype: 'F32', stored: 'F32' },
  { dtype: 'F16', shards: 3, stored: 'F16' },
  { dtype: 'BF16', shards: 2, stored: 'BF16' },
];

test('a transformer folder of every layout and dtype is analysed on inputs that are called synthetic', async ({
  page,
}) => {
  const sent: string[] = [];
  page.on('request', (request) => {
    if (request.method() !== 'GET') sent.push(`${request.method()} ${request.url()}`);
  });
  await open(page);
  for (const { stored, ...options } of LAYOUTS) {
    const folder = await writeFolder('transformer', await transformerFiles({ ...options, blocks: 4 }));
    await openFolder(page, folder);
    await expect(fact(page, 'Blocks')).toHaveText('4');
    await expect(fact(page, 'Width')).toHaveText('64 = 4 heads × 16');
    await expect(fact(page, 'Stored as')).toHaveText(stored);
    if (options.shards) await expect(fact(page, 'File size')).toContainText(`in ${options.shards} files`);
    await expect(page.getByRole('option', { name: /^Block \d+$/ })).toHaveCount(4);
    await expect(panel(page, 'Preview')).toContainText(
      'No preview. Contigua draws pictures only with its own sample models.',
    );
    await expect(page.getByRole('textbox', { name: 'Prompt' })).toHaveCount(0);
    await expect(page.getByRole('combobox', { name: 'Inputs' })).toHaveValue('synthetic');

    await page.getByRole('textbox', { name: 'Samples' }).fill('8');
    await analyse(page);
    await expect(panel(page, 'Blocks')).toContainText('SYNTHETIC inputs, seed 1: 8 × 8 tokens. Probe R²');
    await dragBlocks(page, 1, 3);
    await expect(planLine(page, 'Blocks')).toContainText('4 → 2');
    const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download config' }).click());
    expect(JSON.parse(await textOf(file))).toMatchObject({ num_layers: 2, joint_attention_dim: 16 });
    const plan = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan' }).click());
    expect(JSON.parse(await textOf(plan)).calibration.label).toBe('SYNTHETIC inputs, seed 1: 8 × 8 tokens');
    expect(sent, 'nothing is uploaded').toEqual([]);
    await page.getByRole('button', { name: 'Undo', exact: true }).click();
    await expectChosen(page, []);
  }
});

test('a calibration.safetensors takes the place of synthetic inputs', async ({ page }) => {
  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 3 }));
  await open(page);
  await openFolder(page, folder);
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await expect(page.getByRole('button', { name: 'Analyse', exact: true })).toBeDisabled();
  await pick(page, () => page.getByRole('button', { name: 'Pick calibration.safetensors' }).click(), {
    name: 'calibration.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(calibrationFile(12)),
  });
  await analyse(page);
  await expect(panel(page, 'Calibration')).toContainText('calibration.safetensors: 12 samples at 2 time steps');
  await expect(panel(page, 'Similarity of hidden states')).toContainText('n = 48 image and 18 text tokens, held out');
  await expect(page.getByText(/SYNTHETIC/)).toHaveCount(0);
});

test('a calibration file is put aside, and said so, when a model is opened that it does not fit', async ({ page }) => {
  await open(page);
  await openFolder(page, await writeFolder('mine', await transformerFiles({ blocks: 3 })));
  const inputs = page.getByRole('combobox', { name: 'Inputs' });
  const pickFile = (buffer: Buffer) =>
    pick(page, () => page.getByRole('button', { name: /^(Pick calibration|Another file)/ }).click(), {
      name: 'mine.safetensors',
      mimeType: 'application/octet-stream',
      buffer,
    });
  await inputs.selectOption('file');
  await pickFile(Buffer.from(calibrationFile(8)));
  // It fits a model of the same features.
  await openFolder(page, await writeFolder('deeper', await transformerFiles({ blocks: 4 })));
  await expect(inputs).toHaveValue('file');
  await expect(panel(page, 'Calibration')).toContainText('mine.safetensors');

  await page.getByLabel('Sample', { exact: true }).selectOption('shapes-mmdit');
  await expect(fact(page, 'Blocks')).toHaveText('16');
  await expect(inputs).toHaveValue('shapes');
  const warning = panel(page, 'Notices').getByRole('status').filter({ hasText: 'is not the calibration any more' });
  await expect(warning).toContainText('hidden_states [8, 16, 16]');
  await expect(warning).toHaveAttribute('data-tone', 'warning');
  await page.getByRole('textbox', { name: 'Samples' }).fill('8');
  await analyse(page);
  await expect(alerts(page)).toHaveCount(0);
});

test('the same weights in one file or in shards are the same model', async ({ page }) => {
  await open(page);
  const fingerprint = panel(page, 'Model').getByTitle(/^sha256:/);
  const sample = await fingerprint.getAttribute('title');
  await openFolder(page, await writeFolder('whole', await transformerFiles({ blocks: 3 })));
  const whole = await fingerprint.getAttribute('title');
  await openFolder(page, await writeFolder('sharded', await transformerFiles({ blocks: 3, shards: 2 })));
  expect(await fingerprint.getAttribute('title')).toBe(whole);
  expect(whole).not.toBe(sample);
  // And the address now names that model.
  await dragBlocks(page, 0, 1);
  await expect(page).toHaveURL(new RegExp(`[?&]model=${whole?.slice(7, 19)}`));
});

test('a folder called transformer is named by what its config.json comes from', async ({ page }) => {
  const files = await transformerFiles({ blocks: 3, config: { _name_or_path: 'acme/half-size' } });
  await open(page);
  await openFolder(page, await writeFolder('transformer', files), 'acme/half-size');
  await dragBlocks(page, 0, 1);
  const plan = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan' }).click());
  expect(JSON.parse(await textOf(plan)).model.name).toBe('acme/half-size');
});

test('a folder, a calibration file and a plan can be dropped anywhere on the page', async ({ page }) => {
  const folder = await writeFolder('transformer', await transformerFiles({ blocks: 3 }));
  await open(page);
  await dropFile(page, folder);
  await expect(panel(page, 'Model').getByText('unnamed qwen-image model', { exact: true })).toBeVisible();
  await expect(fact(page, 'Blocks')).toHaveText('3');

  await dragBlocks(page, 1, 2);
  const plan = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan' }).click());
  const beside = join(dirname(folder), 'beside');
  await mkdir(beside);
  await writeFile(join(beside, 'shared.json'), await textOf(plan));
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await expectChosen(page, []);
  await dropFile(page, join(beside, 'shared.json'));
  await expectChosen(page, [[1, 2]]);

  await writeFile(join(beside, 'mine.safetensors'), calibrationFile(8));
  await dropFile(page, join(beside, 'mine.safetensors'));
  await expect(page.getByRole('combobox', { name: 'Inputs' })).toHaveValue('file');
  await expect(panel(page, 'Calibration')).toContainText('mine.safetensors');

  await writeFile(join(beside, 'notes.txt'), 'nothing');
  await dropFile(page, join(beside, 'notes.txt'));
  await expect(alerts(page)).toContainText('notes.txt');
});

testAnalysed('the sample comes back with its analysis after a look at another model', async ({ page }) => {
  const brackets = page.getByRole('button', { name: /^Detected interval / });
  const before = await brackets.count();
  await openFolder(page, await writeFolder('transformer', await transformerFiles({ blocks: 3 })));
  await expect(brackets).toHaveCount(0);
  await page.getByLabel('Sample', { exact: true }).selectOption('shapes-mmdit');
  await expect(fact(page, 'Blocks')).toHaveText('16');
  await expect(brackets).toHaveCount(before);
});

async function openFolder(page: Page, folder: string, name = nameOf(folder)): Promise<void> {
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  await expect(panel(page, 'Model').getByText(name, { exact: true })).toBeVisible();
}

/** Every model's weights lie in a folder called transformer: that names none. */
const nameOf = (folder: string): string =>
  basename(folder) === 'transformer' ? 'unnamed qwen-image model' : basename(folder);

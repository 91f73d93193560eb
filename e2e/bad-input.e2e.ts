/**
 * Whatever is wrong with a file, the page says which file, which tensor, what it found and what it expected, and keeps
 * the model, the analysis and the choice that were there.
 */
import type { Page } from '@playwright/test';
import {
  alerts,
  analyse,
  brackets,
  downloadBy,
  dragBlocks,
  expect,
  expectChosen,
  fact,
  open,
  panel,
  pick,
  test,
  testAnalysed,
  textOf,
} from './contigua.ts';
import {
  calibrationFile,
  type Files,
  type FolderOptions,
  INDEX,
  shardName,
  transformerFiles,
  WEIGHTS,
  writeFolder,
} from './model-folder.ts';

interface Refusal {
  readonly code: string;
  readonly file?: string | RegExp;
  readonly tensor?: string;
  readonly found: string | RegExp;
  readonly expected: string | RegExp;
}

interface BadFolder extends Refusal {
  readonly what: string;
  readonly options?: FolderOptions;
  readonly spoil?: (files: Files) => void;
}

const PROJECTION = 'transformer_blocks.1.attn.to_q.weight';

const BAD_FOLDERS: readonly BadFolder[] = [
  {
    what: 'a truncated safetensors file',
    spoil: (files) => files.set(WEIGHTS, bytesOf(files, WEIGHTS).slice(0, -100)),
    code: 'safetensors-invalid',
    file: WEIGHTS,
    found: /^\d+ bytes$/,
    expected: /^\d+ bytes by its header$/,
  },
  {
    what: 'a header that claims to be larger than any memory',
    spoil: (files) => files.set(WEIGHTS, withHeaderLength(bytesOf(files, WEIGHTS), 2n ** 60n)),
    code: 'safetensors-invalid',
    file: WEIGHTS,
    found: 'a header length of 1152921504606846976',
    expected: 'at most 100000000 bytes',
  },
  {
    what: 'a header whose tensors overlap',
    spoil: (files) =>
      files.set(
        WEIGHTS,
        rawSafetensors(
          '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
          12,
        ),
      ),
    code: 'safetensors-invalid',
    file: WEIGHTS,
    tensor: 'b',
    found: '[4, 12]',
    expected: 'a range from 8 on',
  },
  {
    what: 'a file of 0 bytes',
    spoil: (files) => files.set(WEIGHTS, new Uint8Array()),
    code: 'safetensors-invalid',
    file: WEIGHTS,
    found: '0 bytes',
    expected: 'a safetensors file',
  },
  {
    what: 'a missing shard',
    options: { shards: 2 },
    spoil: (files) => files.delete(shardName(1, 2)),
    code: 'checkpoint-incomplete',
    file: shardName(1, 2),
    found: /\S/,
    expected: `a file next to ${INDEX}`,
  },
  {
    what: 'a missing weight',
    options: { change: (tensors) => tensors.filter(({ name }) => name !== PROJECTION) },
    code: 'weight-missing',
    file: WEIGHTS,
    tensor: PROJECTION,
    found: 'no such tensor',
    expected: '[64, 64]',
  },
  {
    what: 'a misshapen weight',
    options: {
      change: (tensors) =>
        tensors.map((tensor) => (tensor.name === PROJECTION ? { ...tensor, shape: [32, 128] } : tensor)),
    },
    code: 'weight-misshapen',
    file: WEIGHTS,
    tensor: PROJECTION,
    found: '[32, 128]',
    expected: '[64, 64] by config.json',
  },
  {
    what: 'an unknown _class_name',
    options: { config: { _class_name: 'UNet2DConditionModel' } },
    code: 'checkpoint-unsupported',
    file: 'config.json',
    found: '"UNet2DConditionModel"',
    expected:
      'QwenImageTransformer2DModel or FluxTransformer2DModel or SD3Transformer2DModel or Flux2Transformer2DModel',
  },
  {
    // A file of a published model opens without one; what this one's positions are, no shape says.
    what: 'no config.json',
    spoil: (files) => files.delete('config.json'),
    code: 'config-invalid',
    found: 'heads of 16',
    expected: /config\.json/,
  },
  {
    what: 'a config.json that is not JSON',
    spoil: (files) => files.set('config.json', new TextEncoder().encode('{"num_layers": 2')),
    code: 'config-invalid',
    file: 'config.json',
    found: /JSON/,
    expected: /config\.json/,
  },
  {
    what: 'pickled weights',
    spoil: (files) => {
      files.set('diffusion_pytorch_model.bin', bytesOf(files, WEIGHTS));
      files.delete(WEIGHTS);
    },
    code: 'checkpoint-unsupported',
    found: 'diffusion_pytorch_model.bin',
    expected: /safetensors/,
  },
];

testAnalysed(
  'a folder with something wrong in it is refused by name, and nothing on the page is lost',
  async ({ page }) => {
    const detected = await brackets(page).count();
    await dragBlocks(page, 3, 5);
    for (const { what, options, spoil, ...refusal } of BAD_FOLDERS) {
      await test.step(what, async () => {
        const files = await transformerFiles(options);
        spoil?.(files);
        const folder = await writeFolder('transformer', files);
        await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
        await expectRefusal(page, refusal);
        await expect(panel(page, 'Model').getByText('shapes-mmdit', { exact: true })).toBeVisible();
      });
    }
    await expect(fact(page, 'Blocks')).toHaveText('16');
    await expect(brackets(page)).toHaveCount(detected);
    await expectChosen(page, [[3, 5]]);
  },
);

testAnalysed('a weight that is not a number is named, and the last model and its analysis stay', async ({ page }) => {
  const detected = await brackets(page).count();
  const files = await transformerFiles({
    change: (tensors) =>
      tensors.map((tensor) =>
        tensor.name === PROJECTION ? { ...tensor, bytes: tensor.bytes.slice().fill(0xff, 4 * 70, 4 * 71) } : tensor,
      ),
  });
  await dragBlocks(page, 0, 1);
  const folder = await writeFolder('poisoned', files);
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  await expectRefusal(page, {
    code: 'weight-not-finite',
    file: WEIGHTS,
    tensor: PROJECTION,
    found: /NaN/,
    expected: /finite/,
  });
  await expect(panel(page, 'Model').getByText('shapes-mmdit', { exact: true })).toBeVisible();
  await expect(brackets(page)).toHaveCount(detected);
  await expectChosen(page, [[0, 1]]);
});

const BAD_CALIBRATIONS: readonly (Refusal & { what: string; bytes: () => Uint8Array })[] = [
  {
    what: 'made for another model',
    bytes: () => calibrationFile(8),
    code: 'calibration-invalid',
    file: 'calibration.safetensors',
    tensor: 'hidden_states',
    found: '[8, 16, 16]',
    expected: '[8, 16, 48]',
  },
  {
    what: 'cut short',
    bytes: () => calibrationFile(8, 48).slice(0, -1),
    code: 'safetensors-invalid',
    file: 'calibration.safetensors',
    found: /^\d+ bytes$/,
    expected: /bytes by its header/,
  },
  {
    what: 'empty',
    bytes: () => new Uint8Array(),
    code: 'safetensors-invalid',
    file: 'calibration.safetensors',
    found: /0 bytes/,
    expected: 'at least 8 bytes',
  },
];

testAnalysed('a calibration of the wrong shape is refused by name, and the last analysis stays', async ({ page }) => {
  const detected = await brackets(page).count();
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  for (const { what, bytes, ...refusal } of BAD_CALIBRATIONS) {
    await test.step(what, async () => {
      const file = {
        name: 'calibration.safetensors',
        mimeType: 'application/octet-stream',
        buffer: Buffer.from(bytes()),
      };
      await pick(page, () => page.getByRole('button', { name: /^(Pick calibration|Another file)/ }).click(), file);
      await page.getByRole('button', { name: 'Analyse', exact: true }).click();
      await expectRefusal(page, refusal);
      await expect(brackets(page)).toHaveCount(detected);
    });
  }
});

testAnalysed('a plan for another model, or no plan at all, is refused and changes nothing', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  const plan: { model: { name: string; fingerprint: string } } = JSON.parse(await textOf(file));
  const { fingerprint } = plan.model;
  const foreign = `sha256:${'0'.repeat(64)}`;
  const load = (text: string) =>
    pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), {
      name: 'theirs.json',
      mimeType: 'application/json',
      buffer: Buffer.from(text),
    });

  await load(JSON.stringify({ ...plan, model: { ...plan.model, name: 'another', fingerprint: foreign } }));
  await expectRefusal(page, {
    code: 'plan-mismatch',
    file: 'theirs.json',
    found: new RegExp(`another.*${foreign}`),
    expected: new RegExp(`shapes-mmdit.*${fingerprint}`),
  });
  await load('{"version": 1, "intervals": [');
  await expectRefusal(page, { code: 'plan-invalid', file: 'theirs.json', found: /\S/, expected: /plan\.json/ });
  await load(JSON.stringify({ ...plan, version: 99 }));
  await expectRefusal(page, { code: 'plan-invalid', file: 'theirs.json', found: /99/, expected: /version 3 or older/ });
  const beyond = { on: 'run', first: 3, last: 99, by: 'nothing', cka: null, removedError: null, outputError: null };
  await load(JSON.stringify({ ...plan, edits: [beyond] }));
  await expectRefusal(page, { code: 'plan-invalid', file: 'theirs.json', found: /99/, expected: /15/ });
  await load('');
  await expectRefusal(page, { code: 'plan-invalid', file: 'theirs.json', found: /\S/, expected: /plan\.json/ });
  await expectChosen(page, [[3, 5]]);
});

test('an analysis that fails leaves the page ready for the next one', async ({ page }) => {
  await open(page);
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('file');
  await pick(page, () => page.getByRole('button', { name: 'Pick calibration.safetensors' }).click(), {
    name: 'calibration.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from(calibrationFile(8)),
  });
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await expect(alerts(page)).toBeVisible();
  await page.getByRole('combobox', { name: 'Inputs' }).selectOption('shapes');
  await page.getByRole('textbox', { name: 'Samples' }).fill('48');
  await analyse(page);
  await expect(brackets(page).first()).toBeVisible();
});

/** The notice has every part that is named here; it is dismissed afterwards. */
async function expectRefusal(page: Page, { code, file, tensor, found, expected }: Refusal): Promise<void> {
  const alert = alerts(page);
  await expect(alert).toHaveCount(1);
  await expect(alert).toHaveAttribute('data-code', code);
  const part = (name: string) => alert.getByRole('definition').and(alert.locator(`dt:text-is("${name}") + dd`));
  if (file !== undefined) await expect(part('File')).toHaveText(file);
  if (tensor !== undefined) await expect(part('Tensor')).toHaveText(tensor);
  await expect(part('Found')).toHaveText(found);
  await expect(part('Expected')).toHaveText(expected);
  await alert.getByRole('button', { name: 'Dismiss' }).click();
  await expect(alert).toHaveCount(0);
}

function bytesOf(files: Files, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw new Error(`No ${name} in the folder`);
  return bytes;
}

function withHeaderLength(file: Uint8Array, length: bigint): Uint8Array {
  const copy = file.slice();
  new DataView(copy.buffer).setBigUint64(0, length, true);
  return copy;
}

function rawSafetensors(header: string, dataBytes: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + dataBytes);
  file.set(text, 8);
  return withHeaderLength(file, BigInt(text.length));
}

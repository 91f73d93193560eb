/** The plan panel follows the choice exactly: counts by the architecture's formula, time by measurement. */
import { readFile, stat } from 'node:fs/promises';
import { dragBlocks, expect, open, panel, planLine, test } from './contigua.ts';

const TRANSFORMER = new URL('../public/models/shapes-mmdit/transformer/', import.meta.url);

test('blocks, parameters, file size and operations are those of the remaining blocks', async ({ page }) => {
  const { total, perBlock } = await parametersOfSample();
  const { size } = await stat(new URL('diffusion_pytorch_model.safetensors', TRANSFORMER));
  await open(page);
  await dragBlocks(page, 3, 5);
  await dragBlocks(page, 9, 10);
  // Of 3 to 5 and of 9 to 10 the first block stays each: three go.
  const left = total - 3 * perBlock;
  await expect(planLine(page, 'Blocks')).toContainText('16 → 13');
  await expect(planLine(page, 'Parameters')).toHaveAttribute(
    'title',
    `${left.toLocaleString('en-US')} parameters left`,
  );
  await expect(planLine(page, 'Parameters')).toContainText(`5.42 → ${(left / 1e6).toFixed(2)} M`);
  await expect(planLine(page, 'File size')).toContainText(`10.9 → ${((size * left) / total / 1e6).toFixed(2)} MB`);
  await expect(planLine(page, 'FLOPs per image')).toContainText(/^FLOPs per image\d+\.\d → \d+\.?\d* GFLOP−1[6-9] %$/);

  await page.getByRole('button', { name: 'Undo', exact: true }).click();
  await expect(planLine(page, 'Blocks')).toContainText('16 → 14');
  await expect(planLine(page, 'Parameters')).toHaveAttribute(
    'title',
    `${(total - 2 * perBlock).toLocaleString('en-US')} parameters left`,
  );
});

test('forward time is measured on the engine in use once the choice rests', async ({ page }) => {
  await open(page);
  await expect(planLine(page, 'Forward time')).toContainText('measured per choice');
  await dragBlocks(page, 2, 9);
  await expect(planLine(page, 'Forward time')).toContainText(/\d → \d+(\.\d+)? m?s/, { timeout: 60_000 });
  await expect(planLine(page, 'Forward time')).toHaveAttribute('title', /^Medians of \d+ interleaved runs/);
});

test('probes count in the cost when they stand in for blocks', async ({ page }) => {
  const { total, perBlock, width } = await parametersOfSample();
  await open(page, '/?cut=3-5');
  await panel(page, 'Preview').getByRole('radio', { name: 'Probes', exact: true }).check();
  // Of 3 to 5 two blocks go, each with a probe for either stream.
  const probes = 4 * (width * width + width);
  await expect(planLine(page, 'Parameters')).toHaveAttribute(
    'title',
    `${(total - 2 * perBlock + probes).toLocaleString('en-US')} parameters left`,
  );
  await expect(panel(page, 'Plan')).toContainText(`Counts 4 linear probes, ${(probes / 1e3).toFixed(1)} k parameters.`);
});

/** By the architecture's formulas, from the config that is served. */
async function parametersOfSample() {
  const config: Record<string, number> = JSON.parse(await readFile(new URL('config.json', TRANSFORMER), 'utf8'));
  const of = (name: string) => config[name] ?? Number.NaN;
  const headDim = of('attention_head_dim');
  const width = of('num_attention_heads') * headDim;
  const text = of('joint_attention_dim');
  const out = of('patch_size') ** 2 * of('out_channels');
  const perBlock = 36 * width ** 2 + 30 * width + 4 * headDim;
  const time = 256 * width + width + width ** 2 + width;
  const inputs = text + (of('in_channels') + text + 2) * width;
  const outputs = 2 * width ** 2 + 2 * width + (width + 1) * out;
  return { total: of('num_layers') * perBlock + time + inputs + outputs, perBlock, width };
}

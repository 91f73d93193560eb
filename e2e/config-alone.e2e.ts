/** A config.json without any weights: what the page counts, and what it says needs them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_DETECTION } from '../lib/core/detection/index.ts';
import { parseEditParam } from '../lib/core/edit/index.ts';
import { configAlone } from '../lib/core/folder/config-alone.ts';
import { editableFrom } from '../lib/core/model/config-index.ts';
import { buildPlan, formatPlan } from '../lib/core/plan/index.ts';
import { QWEN_IMAGE_CONFIG } from '../lib/testing/qwen-image-config.ts';
import { expect, fact, open, panel, pick, planLine, test } from './contigua.ts';

/** The 13 intervals and the width defaults that were published. */
const PUBLISHED =
  '3-4.5-7.8-10.11-12.15-24.25-27.29-30.42-43.45-47.48-49.52-53.54-55.56-57.t36-37.t40-41.t50-59.f2-image.f2-text.f58-image.f59-image';

async function planOf(config: string): Promise<Buffer> {
  const files = [{ path: 'config.json', blob: new Blob([config]) }];
  const model = await configAlone({ files, name: 'Qwen-Image' });
  if (!model) throw new Error('The config is not alone');
  const edits = parseEditParam(PUBLISHED, 'nothing', editableFrom(model.narrower, model), 'published');
  return Buffer.from(formatPlan(buildPlan({ model, report: null, edits, detection: DEFAULT_DETECTION })));
}

test('the published edits of Qwen-Image are counted from its config alone, and what needs weights says so', async ({
  page,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'contigua-config-'));
  try {
    const config = JSON.stringify(QWEN_IMAGE_CONFIG);
    await mkdir(join(folder, 'Qwen-Image'));
    await writeFile(join(folder, 'Qwen-Image', 'config.json'), config);
    await open(page);
    await page.getByTestId('folder-input').setInputFiles(join(folder, 'Qwen-Image'));
    await expect(fact(page, 'Blocks')).toHaveText('60');
    await expect(fact(page, 'Weights')).toHaveText('none here');
    const analyse = panel(page, 'Calibration').getByRole('button', { name: 'Analyse', exact: true });
    await expect(analyse).toBeDisabled();
    await expect(analyse).toHaveAttribute('title', /Only config\.json is open/);
    const file = { name: 'plan.json', mimeType: 'application/json', buffer: await planOf(config) };
    await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), file);
    await expect(planLine(page, 'Blocks')).toContainText('60 → 35');
    await expect(planLine(page, 'Parameters')).toHaveAttribute('title', '10,603,653,184 parameters left');
    await expect(planLine(page, 'File size')).toContainText('needs the weights');
    await expect(planLine(page, 'Forward time')).toContainText('needs the weights');
  } finally {
    await rm(folder, { recursive: true });
  }
});

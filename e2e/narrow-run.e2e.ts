/**
 * Narrower blocks all the way on the real backend: a choice of every kind made on the page, distilled, followed to its end,
 * taken away as a smaller model and opened again.
 */
import { z } from 'zod';
import { editKey } from '../lib/core/edit/index.ts';
import { parsePlan } from '../lib/core/plan/index.ts';
import {
  ANALYSIS_MS,
  alerts,
  analyse,
  analysisEnds,
  bytesOf,
  downloadBy,
  dragBlocks,
  dragText,
  expect,
  fact,
  ffnOption,
  open,
  panel,
  pick,
  planLine,
  test,
} from './contigua.ts';
import { WEIGHTS, writeFolder } from './model-folder.ts';
import { hostIsUp, openDistilOfChoice, result, runIsDone, startDistilling, TRAINING_MS } from './runs.ts';
import { unzip } from './unzip.ts';

const STEPS = 4;
const exported = z.object({ num_layers: z.int() });

// The server refuses a choice that no class reads.
test.use({ tolerated: [/status of 400 \(Bad Request\)/] });
test.beforeAll(({ request }) => hostIsUp(request));

test('an interval, a text group, feed-forward layers and a rank are distilled and taken away as one model', async ({
  page,
  request,
}) => {
  test.setTimeout(5 * TRAINING_MS);
  await open(page);
  await dragBlocks(page, 2, 3);
  await dragText(page, 8, 10);
  await ffnOption(page, 13, 'image').click();
  await panel(page, 'Shared modulation').getByRole('switch', { name: 'Share the modulation of all blocks' }).click();
  await expect.poll(() => new URL(page.url()).searchParams.get('cut')).toBe('m8.2-3.t8-10.f13-image');
  await expect(planLine(page, 'Blocks')).toContainText('16 → 15');

  // No class reads a block without the layers of one stream alone: the dialog says so before anything is trained.
  const refused = await openDistilOfChoice(page, { steps: STEPS });
  await expect(refused).toContainText('Trained besides: text 8–10; FFN image 13; modulation rank 8.');
  await expect(refused.getByRole('region', { name: 'Estimate' })).toContainText(
    /No class of diffusers or PPCL holds these edits.*block 13 has one of each/,
    { timeout: 180_000 },
  );
  await page.keyboard.press('Escape');
  await ffnOption(page, 13, 'text').click();
  await expect.poll(() => new URL(page.url()).searchParams.get('cut')).toBe('m8.2-3.t8-10.f13-image.f13-text');
  const parameters = /→ ([\d.]+ M)/.exec((await planLine(page, 'Parameters').textContent()) ?? '')?.[1];

  const dialog = await openDistilOfChoice(page, { steps: STEPS, name: 'Every kind' });
  await dialog.getByRole('switch', { name: 'Joint fine-tune' }).click();
  await dialog.getByLabel('Fine-tune steps').fill(String(STEPS));
  await startDistilling(page, dialog);
  // One process after the other, as each rests on what was trained before it.
  await runIsDone(page, 6, 4 * TRAINING_MS);
  const jobs = panel(page, 'Intervals').getByRole('listitem');
  for (const name of [
    'Interval 2 to 3',
    'Text group 8 to 10',
    'Feed-forward 13, image',
    'Feed-forward 13, text',
    'Modulation, rank 8',
    'Joint fine-tune',
  ]) {
    const job = jobs.and(page.getByRole('listitem', { name, exact: true }));
    await expect(job.getByRole('progressbar')).toHaveAttribute('aria-valuenow', '100');
    await expect(job.getByRole('alert')).toHaveCount(0);
  }
  await expect(page.getByRole('switch', { name: 'Plug in Modulation, rank 8', exact: true })).toBeChecked();

  await expect(result(page, 'Parameters')).toContainText(parameters ?? 'a number');

  await page.getByRole('button', { name: 'Download', exact: true }).click();
  const menu = page.getByRole('dialog', { name: 'Download', exact: true });
  const plan = (await menu.getByRole('link', { name: 'Plan' }).getAttribute('href')) ?? '';
  const { edits } = parsePlan(await (await request.get(plan)).text(), 'plan.json');
  expect(edits.map(editKey)).toEqual(['modulation rank 8', '2-3 student', '8-10 text', '13 image ffn', '13 text ffn']);
  const downloaded = async () => {
    const zip = await downloadBy(page, () => menu.getByRole('link', { name: 'Student model' }).click());
    return unzip(await bytesOf(zip));
  };
  const apart = await downloaded();
  await page.keyboard.press('Escape');
  await page.getByRole('switch', { name: 'Plug in the fine-tuned model' }).click();
  await page.getByRole('button', { name: 'Download', exact: true }).click();
  await expect(menu).toContainText('fine-tuned whole');
  const files = await downloaded();
  const fileNamed = (name: string, of = files) => [...of].find(([path]) => path.endsWith(name))?.[1];
  // The same shapes, other weights.
  expect(fileNamed(`/${WEIGHTS}`)?.length).toBe(fileNamed(`/${WEIGHTS}`, apart)?.length);
  expect(fileNamed(`/${WEIGHTS}`)).not.toEqual(fileNamed(`/${WEIGHTS}`, apart));
  const config = exported.parse(JSON.parse(Buffer.from(fileNamed('/config.json') ?? []).toString('utf8')));
  expect(config.num_layers).toBe(15);
  expect(fileNamed(`/${WEIGHTS}`)?.length).toBeGreaterThan(1e6);

  // The page opens it again, as the smaller model that the plan promised.
  const folder = await writeFolder('every-kind', files);
  await open(page);
  await pick(page, () => page.getByRole('button', { name: 'Open folder', exact: true }).click(), folder);
  await expect(fact(page, 'Blocks')).toHaveText('15');
  await expect(fact(page, 'Parameters')).toContainText(parameters ?? 'a number');
  await page.getByRole('textbox', { name: 'Samples' }).fill('8');
  await analyse(page);
  await expect(alerts(page)).toHaveCount(0);
});

test('narrower blocks are measured within the memory that the analysis was given', async ({ page }) => {
  test.setTimeout(8 * ANALYSIS_MS);
  // States wait on disk between blocks, which takes longer than keeping them.
  await open(page, '/');
  await page.getByText('Tokens, damage and memory').click();
  await page.getByRole('textbox', { name: 'Memory, GB' }).fill('1');
  await page.getByRole('button', { name: 'Analyse', exact: true }).click();
  await analysisEnds(page, 3 * ANALYSIS_MS);
  const narrower = panel(page, 'Narrower blocks');
  await narrower.getByRole('button', { name: /^Measure proposed \(\d+\)$/ }).click();
  await expect(narrower.getByRole('button', { name: 'Measured proposed' })).toBeDisabled({ timeout: 3 * ANALYSIS_MS });
  await expect(alerts(page)).toHaveCount(0);
  await expect(narrower.getByRole('table')).toContainText(/%/);
});

/** What is taken away: plan, config, layer_index, figures and tables, each checked for what it says. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseRunPlan } from '../lib/core/plan/index.ts';
import {
  ANALYSIS_MS,
  brackets,
  bytesOf,
  csvRows,
  downloadBy,
  dragBlocks,
  expect,
  intervalIn,
  panel,
  planLine,
  testOnOnePage as test,
  textOf,
} from './contigua.ts';

const PUBLIC = new URL('../public/', import.meta.url);
const CONFIG = new URL('models/shapes-mmdit/transformer/config.json', PUBLIC);
const SCHEMA = new URL('schema/plan-v3.schema.json', PUBLIC);

test('plan.json holds the choice, the block map, the fingerprint and how it was measured', async ({
  page,
  request,
}) => {
  const { first, last } = intervalIn(await brackets(page).first().getAttribute('aria-label'));
  await brackets(page).first().click();
  // By then the error of the whole choice is measured too.
  await expect(panel(page, 'Plan')).toContainText('32 of 32 captions drawn', { timeout: ANALYSIS_MS });
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download plan', exact: true }).click());
  expect(file.suggestedFilename()).toBe('plan.json');
  const text = await textOf(file);
  const plan = parseRunPlan(text, 'plan.json');

  const fingerprint = await panel(page, 'Model')
    .getByTitle(/^sha256:[0-9a-f]{64}$/)
    .getAttribute('title');
  expect(plan.model).toMatchObject({ name: 'shapes-mmdit', fingerprint, numBlocks: 16, family: 'qwen-image' });
  expect(plan.model.streams.map(({ id }) => id)).toEqual(['image', 'text']);
  expect(plan.edits).toMatchObject([{ on: 'run', first, last, by: 'nothing' }]);
  expect(plan.edits[0]?.cka).toBeGreaterThan(0);
  expect(plan.edits[0]?.outputError).toBe(plan.edits[0]?.removedError);
  expect(plan.edits[0]?.foundIn).toBeGreaterThan(0);
  const { estimatedError, outputError, outputErrorBounds, facts } = plan.choice!;
  expect(estimatedError).toBe(plan.edits[0]?.outputError);
  expect(outputError).toBeCloseTo(estimatedError!, 4);
  expect(outputErrorBounds!.low).toBeLessThan(outputError!);
  expect(outputErrorBounds!.high).toBeGreaterThan(outputError!);
  expect(facts).toMatchObject({ total: 328, pictures: 32 });
  await expect(planLine(page, 'Facts held')).toContainText(`${facts!.held} of 328`);
  expect(plan.blocks).toEqual({ before: 16, after: 16 - (last - first) });
  expect(plan.calibration).toMatchObject({ kind: 'shapes', seed: 1, samples: 48, tokens: { image: 3072 } });
  expect(plan.settings).toMatchObject({ estimator: 'debiased', start: 'block-u', target: 'teacher-after-k' });
  expect(plan.blockMap).toHaveLength(16);
  for (const { old, new: next, fate } of plan.blockMap) {
    const expected = old === first ? 'replaced' : old > first && old <= last ? 'removed' : 'kept';
    const before = Math.min(Math.max(0, old - first), last - first);
    expect([fate, next]).toEqual([expected, expected === 'removed' ? null : old - before]);
  }

  // The published schema, as the page's own server hands it out, accepts it, and a change of version it does not.
  const published: unknown = await (await request.get('/schema/plan-v3.schema.json')).json();
  expect(published).toEqual(JSON.parse(await readFile(SCHEMA, 'utf8')));
  const schema = z.fromJSONSchema(published as Parameters<typeof z.fromJSONSchema>[0]);
  expect(schema.safeParse(JSON.parse(text)).error).toBeUndefined();
  expect(schema.safeParse({ ...JSON.parse(text), version: 4 }).success).toBe(false);
});

test('config.json is the model’s own with fewer layers, as diffusers reads it', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await dragBlocks(page, 9, 10);
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download config', exact: true }).click());
  expect(file.suggestedFilename()).toBe('config.json');
  expect(JSON.parse(await textOf(file))).toEqual({ ...JSON.parse(await readFile(CONFIG, 'utf8')), num_layers: 13 });
});

test('layer_index is the string that the official trainer takes', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await dragBlocks(page, 9, 10);
  await page.getByRole('button', { name: 'Copy layer_index', exact: true }).click();
  await expect(page.getByRole('status').filter({ hasText: 'layer_index copied' })).toContainText('[[3,5],[9,10]]');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('[[3,5],[9,10]]');
});

const CHARTS = [
  {
    tools: 'Download blocks',
    label: 'Blocks',
    panel: 'Blocks',
    header: 'block,probe_r2_image,probe_r2_text',
    rows: 16,
  },
  {
    tools: 'Download similarity',
    label: 'Image stream',
    panel: 'Similarity of hidden states',
    header: 'block_i,block_j,state_cka',
    rows: 256,
  },
  {
    tools: 'Download similarity',
    label: 'Text stream',
    panel: 'Similarity of hidden states',
    header: 'block_i,block_j,state_cka',
    rows: 256,
  },
  // Every start with every later block, itself included.
  {
    tools: 'Download trajectories',
    label: 'Trajectories',
    panel: 'Where runs break',
    header: 'start_u,block_k,surrogate_cka_mean,difference_mean',
    rows: (16 * 17) / 2,
  },
] as const;

for (const chart of CHARTS) {
  test(`${chart.label} is downloaded as SVG, PNG and CSV`, async ({ page }) => {
    await panel(page, chart.panel).getByRole('button', { name: chart.tools, exact: true }).click();
    const save = (kind: string) =>
      downloadBy(page, () => page.getByRole('button', { name: `${chart.label} as ${kind}`, exact: true }).click());

    const svgFile = await save('SVG');
    expect(svgFile.suggestedFilename()).toMatch(/shapes-mmdit.*\.svg$/);
    const svg = await textOf(svgFile);
    const drawn = await page.evaluate((text) => {
      const document = new DOMParser().parseFromString(text, 'image/svg+xml');
      return { root: document.documentElement.tagName, shapes: document.querySelectorAll('path,rect,line').length };
    }, svg);
    expect(drawn.root).toBe('svg');
    expect(drawn.shapes).toBeGreaterThan(16);
    // It stands alone: what it was measured on is written on it.
    expect(svg).toContain('shapes-mmdit');
    expect(svg).toContain('48 captioned pictures');

    const png = await bytesOf(await save('PNG'));
    expect(png.subarray(0, 8)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]));
    const [, svgWidth] = /<svg[^>]* width="(\d+)"/.exec(svg) ?? [];
    expect(png.readUInt32BE(16), 'twice the size of the figure').toBe(2 * Number(svgWidth));

    const [header, ...rows] = csvRows(await textOf(await save('CSV')));
    expect(header?.join()).toContain(chart.header);
    expect(rows).toHaveLength(chart.rows);
    for (const row of rows) expect(row).toHaveLength(header?.length ?? 0);
  });
}

test('the interval table is downloaded as CSV with every score', async ({ page }) => {
  const file = await downloadBy(page, () => page.getByRole('button', { name: 'Download intervals as CSV' }).click());
  const [header, ...rows] = csvRows(await textOf(file));
  expect(header).toEqual(expect.arrayContaining(['first', 'last', 'surrogate_cka', 'damage_removed', 'damage_probed']));
  expect(rows).toHaveLength(await brackets(page).count());
});

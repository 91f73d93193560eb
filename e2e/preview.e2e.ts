/** The same prompt and seed drawn whole and pruned, with the checker's verdict on every fact of the caption. */
import type { Locator, Page } from '@playwright/test';
import { alerts, analyse, expect, open, panel, test } from './contigua.ts';

const PROMPT = 'large red circle top-left, small blue square bottom-right, white';
const DRAWN_MS = 60_000;

test('whole and pruned are drawn side by side and every fact of the caption is judged', async ({ page }) => {
  await open(page, '/?cut=5-9');
  await draw(page, PROMPT);
  await expect(picture(page, 'Pruned')).toBeVisible();
  await expect(picture(page, 'Whole')).toBeVisible();
  expect(await pixelsOf(picture(page, 'Whole'))).not.toEqual(await pixelsOf(picture(page, 'Pruned')));

  const facts = panel(page, 'Preview').getByRole('table', { name: 'What the checker reads in the pictures' });
  const named = await facts
    .getByRole('rowheader')
    .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('title')));
  expect(named).toContain('background: white');
  expect(named.filter((name) => /shape: (circle|square)$/.test(name ?? ''))).toHaveLength(2);
  expect(named.filter((name) => /colour: (red|blue)$/.test(name ?? ''))).toHaveLength(2);
  // Each row has a verdict for both pictures: it holds, or what is seen instead.
  for (const cell of await facts.getByRole('cell').all()) {
    await expect(cell).toHaveAttribute('title', /^Expected .+, seen .+$/);
    await expect(cell).toHaveText(/\S/);
  }
  const [held, of] = await factsHeld(picture(page, 'Whole'));
  expect(of).toBe(named.length);
  expect(held / of, 'the trained model draws what it is asked for').toBeGreaterThanOrEqual(0.6);
});

test('the same seed draws the same picture, another seed another', async ({ page }) => {
  await open(page);
  await draw(page, PROMPT);
  await expect(picture(page, 'Whole')).toBeVisible();
  const first = await pixelsOf(picture(page, 'Whole'));
  const seed = panel(page, 'Preview').getByRole('textbox', { name: 'Seed' });
  await seed.fill('2');
  await expect(panel(page, 'Preview').getByText('outdated, seed changed: draw again')).toBeVisible();
  await draw(page, PROMPT);
  await expect(panel(page, 'Preview').getByText(/^outdated, .*: draw again$/)).toHaveCount(0);
  expect(await pixelsOf(picture(page, 'Whole'))).not.toEqual(first);
  await seed.fill('1');
  await draw(page, PROMPT);
  await expect(panel(page, 'Preview').getByText(/^outdated, .*: draw again$/)).toHaveCount(0);
  expect(await pixelsOf(picture(page, 'Whole'))).toEqual(first);
});

test('probes in place of the blocks need an analysis, and then draw another picture than leaving them out', async ({
  page,
}) => {
  await open(page, '/?inputs=shapes-16-4-1&cut=6-8');
  const preview = panel(page, 'Preview');
  await draw(page, PROMPT);
  await expect(picture(page, 'Pruned')).toBeVisible();
  const removed = await pixelsOf(picture(page, 'Pruned'));
  await preview.getByRole('radio', { name: 'Probes', exact: true }).check();
  await expect(preview).toContainText('Probes are fitted by an analysis: press Analyse');
  await expect(preview.getByRole('button', { name: 'Draw', exact: true })).toBeDisabled();
  await analyse(page);
  await draw(page, PROMPT);
  await expect(preview.getByText(/^outdated, .*: draw again$/)).toHaveCount(0);
  expect(await pixelsOf(picture(page, 'Pruned'))).not.toEqual(removed);
});

test('a prompt outside the grammar is refused with what is missing, and the pictures stay', async ({ page }) => {
  await open(page);
  await draw(page, PROMPT);
  await expect(picture(page, 'Whole')).toBeVisible();
  await draw(page, 'a large red elephant top left on white');
  await expect(alerts(page)).toContainText('elephant');
  await expect(picture(page, 'Whole')).toBeVisible();
});

async function draw(page: Page, prompt: string): Promise<void> {
  const button = panel(page, 'Preview').getByRole('button', { name: 'Draw', exact: true });
  await page.getByRole('textbox', { name: 'Prompt' }).fill(prompt);
  await button.click({ timeout: DRAWN_MS });
  // While it draws, the button is another one.
  await expect(button).toBeVisible({ timeout: DRAWN_MS });
}

const picture = (page: Page, which: 'Whole' | 'Pruned'): Locator =>
  page.getByRole('img', { name: new RegExp(`^${which} model's picture`) });

async function factsHeld(drawn: Locator): Promise<[held: number, of: number]> {
  const [, held, of] = /(\d+) of (\d+) facts hold$/.exec((await drawn.getAttribute('aria-label')) ?? '') ?? [];
  return [Number(held), Number(of)];
}

async function pixelsOf(drawn: Locator): Promise<number[]> {
  return await drawn.evaluate((node) =>
    node instanceof HTMLCanvasElement
      ? [...(node.getContext('2d')?.getImageData(0, 0, node.width, node.height).data ?? [])]
      : [],
  );
}

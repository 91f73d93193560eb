/** What axe finds, where the focus is, and whether the page fits: in both themes, wide and narrow, empty and full. */
import AxeBuilder from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { parseRunPlan } from '../lib/core/plan/index.ts';
import {
  ANALYSIS_MS,
  alerts,
  analysisEnds,
  brackets,
  downloadBy,
  dragBlocks,
  expect,
  open,
  planLine,
  QUICK,
  SCHEMES,
  showIn,
  test,
  testAnalysed,
  testOnOnePage,
  textOf,
} from './contigua.ts';

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 768, height: 1024 };

const SIZES = [WIDE, NARROW];

test('the empty page has nothing serious, wide and narrow, in light and in dark', async ({ page }) => {
  test.slow();
  await open(page);
  for (const viewport of SIZES) {
    await page.setViewportSize(viewport);
    for (const colorScheme of SCHEMES) {
      await test.step(`${viewport.width} px, ${colorScheme}`, async () => {
        await showIn(page, colorScheme);
        await expectNothingSerious(page);
        await expectNoSidewaysScroll(page);
      });
    }
  }
});

for (const viewport of SIZES) {
  testOnOnePage(`the full page at ${viewport.width} px has nothing serious, in light and in dark`, async ({ page }) => {
    test.slow();
    await page.setViewportSize(viewport);
    await dragBlocks(page, 3, 5);
    for (const colorScheme of SCHEMES) {
      await test.step(colorScheme, async () => {
        await showIn(page, colorScheme);
        await expectNothingSerious(page);
        await page.getByRole('button', { name: /^Engine: / }).click();
        const about = page.getByRole('dialog', { name: 'Engine' });
        await expect(about).toBeVisible();
        await expectNothingSerious(page);
        await expectNoSidewaysScroll(page);
        await page.keyboard.press('Escape');
        await expect(about).toBeHidden();
      });
    }
  });
}

test('an error notice has nothing serious either', async ({ page }) => {
  await open(page, '/?cut=3-99');
  await expect(alerts(page)).toBeVisible();
  await expectNothingSerious(page);
});

testAnalysed('whatever Tab reaches shows that it has the focus', async ({ page }) => {
  await dragBlocks(page, 3, 5);
  await expect(page).toHaveURL(/[?&]cut=3-5/);
  await page.mouse.move(0, 0);
  // Afresh, so that Tab begins at the top.
  await page.reload();
  await expect(brackets(page).first()).toBeVisible();
  const seen = new Set<string>();
  for (let presses = 0; presses < 120; presses++) {
    await page.keyboard.press('Tab');
    const stop = await focusOf(page);
    if (stop === null) break;
    if (seen.has(stop.name)) continue;
    seen.add(stop.name);
    expect.soft(stop.visible, `${stop.name} shows its focus`).toBe(true);
  }
  for (const name of ['Analyse', 'Block 0', 'Start block', 'Remove N blocks', 'Download plan', 'Copy link']) {
    expect.soft([...seen], 'reached with Tab').toContain(name);
  }
});

test('the keyboard alone goes from the first Tab to a downloaded plan', async ({ page }) => {
  await open(page, `/?${QUICK}`);
  // Behind the link of the same name.
  await tabTo(page, 'Open folder');
  await tabTo(page, 'Analyse');
  await page.keyboard.press('Enter');
  await expect(brackets(page).first()).toBeVisible({ timeout: ANALYSIS_MS });
  await analysisEnds(page);
  await tabTo(page, 'Remove N blocks');
  for (let taken = 0; taken < 3; taken++) await page.keyboard.press('ArrowRight');
  await expect(planLine(page, 'Blocks')).toContainText('16 → 13');
  await tabTo(page, 'Download plan');
  const file = await downloadBy(page, () => page.keyboard.press('Enter'));
  expect(parseRunPlan(await textOf(file), 'plan.json').blocks).toEqual({ before: 16, after: 13 });
});

test('the theme follows the system until the user picks one, which a reload keeps', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await open(page);
  const background = () => page.getByRole('banner').evaluate((node) => getComputedStyle(node).backgroundColor);
  const dark = await background();
  await page.getByRole('button', { name: /^Theme: system/ }).click();
  const light = await background();
  expect(light).not.toBe(dark);
  await page.reload();
  await expect(page.getByRole('button', { name: /^Theme: light/ })).toBeVisible();
  expect(await background()).toBe(light);
});

async function expectNothingSerious(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const words = serious.map(
    ({ id, help, nodes }) => `${id}: ${help} (${nodes.map(({ target }) => target).join('; ')})`,
  );
  expect(words).toEqual([]);
}

async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const { scrollWidth, clientWidth } = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    return { scrollWidth, clientWidth };
  });
  expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
}

/** Presses Tab until the focus is on what is called `name`. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 120; presses++) {
    await page.keyboard.press('Tab');
    if ((await focusOf(page))?.name === name) return;
  }
  throw new Error(`Tab does not reach "${name}"`);
}

/** What has the focus, and whether it or the label around it draws an outline or a ring; null past the last stop. */
async function focusOf(page: Page): Promise<{ name: string; visible: boolean } | null> {
  return await page.evaluate(() => {
    const focused = document.activeElement;
    if (!(focused instanceof HTMLElement) || focused === document.body) return null;
    const drawn = (element: Element, part?: string) => {
      const { outlineStyle, outlineWidth, boxShadow, borderStyle, content } = getComputedStyle(element, part);
      const outlined = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) > 0;
      const ringed = boxShadow.includes('0px 0px 0px 2px');
      return part ? content !== 'none' && (outlined || borderStyle !== 'none') : outlined || ringed;
    };
    const label = focused.closest('label') ?? focused;
    const visible = drawn(focused) || drawn(label) || drawn(focused, '::after') || drawn(focused, '::before');
    const labelled = focused instanceof HTMLInputElement ? (focused.labels?.[0]?.textContent ?? '') : '';
    const name = focused.getAttribute('aria-label') ?? (labelled || (focused.textContent ?? '').trim());
    return { name, visible: visible && focused.matches(':focus-visible') };
  });
}

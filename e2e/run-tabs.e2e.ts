/** More tabs of runs than a browser has connections to one host: every tab lives, and so does what else it asks for. */
import type { Page } from '@playwright/test';
import { expect, panel, test } from './contigua.ts';
import { hostIsUp, startRun, TRAINING_MS } from './runs.ts';

/** HTTP/1.1: six connections per host, for all tabs together. */
const TABS = 7;
/** Far more than an answer takes, far less than for ever. */
const ANSWER_MS = 20_000;

test.beforeAll(({ request }) => hostIsUp(request));

test('seven tabs of a run live on one stream, and hear each event once when the first of them closes', async ({
  page: first,
  context,
}) => {
  test.setTimeout(2 * TRAINING_MS);
  await context.addInitScript(noteEvents);
  const id = await startRun(first, { cut: '3-4', steps: 4_000, name: 'In seven tabs' });
  await first.getByRole('button', { name: 'Pause', exact: true }).click();
  await expect(state(first, 'Paused')).toBeVisible({ timeout: 60_000 });

  const others: Page[] = [];
  while (others.length < TABS - 1) {
    const tab = await context.newPage();
    await tab.goto(`/runs/${id}`, { timeout: ANSWER_MS });
    await expect(state(tab, 'Paused')).toBeVisible({ timeout: ANSWER_MS });
    others.push(tab);
  }
  const last = others.at(-1)!;
  for (const tab of others) await expect(state(tab, 'Live')).toBeVisible({ timeout: ANSWER_MS });
  expect(await call(last, 'server.status')).toBe(200);

  await first.close();
  await last.reload();
  await expect(state(last, 'Paused')).toBeVisible({ timeout: ANSWER_MS });
  await last.getByRole('button', { name: 'Resume', exact: true }).click();
  for (const tab of others) await expect(state(tab, 'Paused')).toHaveCount(0, { timeout: ANSWER_MS });
  await last.getByRole('button', { name: 'Pause', exact: true }).click();
  for (const tab of others) await expect(state(tab, 'Paused')).toBeVisible({ timeout: 60_000 });
  expect(await call(last, 'runs.cancel', { id })).toBe(200);

  // What a tab heard since the first closed has no gap and nothing twice, and is the same everywhere.
  await expect
    .poll(async () => new Set((await Promise.all(others.map(heard))).map((ids) => ids.at(-1))).size, {
      timeout: 60_000,
    })
    .toBe(1);
  for (const tab of others) {
    const ids = await heard(tab);
    const [from = 0] = ids;
    expect(ids.length).toBeGreaterThan(1);
    expect(ids).toEqual(ids.map((_, i) => from + i));
  }
});

const state = (page: Page, words: string) => panel(page, 'Run').getByText(words, { exact: true });

const heard = (page: Page): Promise<number[]> => page.evaluate(() => Reflect.get(window, 'heardEvents'));

async function call(page: Page, procedure: string, input?: unknown): Promise<number> {
  return await page.evaluate(
    async ([path, body, timeoutMs]) => {
      const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      const signal = AbortSignal.timeout(timeoutMs);
      return (await fetch(`/api/trpc/${path}`, { ...(body === undefined ? {} : post), signal })).status;
    },
    [procedure, input === undefined ? undefined : JSON.stringify(input), ANSWER_MS] as const,
  );
}

/** Runs in each page before its own scripts: writes down the numbers of the events that the page is sent. */
function noteEvents(): void {
  const ids: number[] = [];
  Reflect.set(window, 'heardEvents', ids);
  window.SharedWorker = class extends SharedWorker {
    constructor(...input: ConstructorParameters<typeof SharedWorker>) {
      super(...input);
      this.port.addEventListener('message', ({ data }) => {
        if (data.type === 'event') ids.push(data.id);
      });
    }
  };
}

/** The page over plain HTTP from another host, where browsers have no Web Crypto and no shared memory. */
import { analyse, expect, fact, open, QUICK, test } from './contigua.ts';

const HOST = 'http://contigua.test';

test.use({
  tolerated: [
    [/^request: http:\/\/contigua\.test\//, /Cross-Origin-Opener-Policy header has been ignored/],
    { scope: 'test' },
  ],
});

test('opens a model, names it by its fingerprint and analyses it', async ({ page, context, baseURL }) => {
  // The name is answered here, in place of a second machine.
  await context.route(`${HOST}/**`, async (route) => {
    const url = route
      .request()
      .url()
      .replace(HOST, baseURL ?? '');
    await route.fulfill({
      response: await route.fetch({ url, headers: { ...route.request().headers(), host: new URL(url).host } }),
    });
  });
  await open(page, `${HOST}/?${QUICK}`);
  expect(await page.evaluate(() => [window.isSecureContext, typeof crypto.subtle])).toEqual([false, 'undefined']);
  await expect(fact(page, 'Fingerprint')).toContainText('sha256:8f93af2a728e');
  await analyse(page);
  await expect(page.getByRole('button', { name: /^Detected interval / }).first()).toBeVisible();
  // The page may still ask for something, which nobody else would answer.
  await page.close();
  await context.unrouteAll({ behavior: 'ignoreErrors' });
});

/** A browser, an address and a plan that version 1 left: the page restores the analysis and the choice, and says so. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { brackets, expect, expectChosen, open, panel, pick, planLine, test } from './contigua.ts';

const FIXTURE = new URL('../lib/testing/v1/browser/kept-analyses.json.gz', import.meta.url);

test('an analysis kept by version 1 is restored, with the choice of its address', async ({ page }) => {
  const kept = JSON.parse(gunzipSync(await readFile(FIXTURE)).toString('utf8'));
  // A page of this origin that opens no database before the earlier one is there.
  const empty = '<link rel="icon" href="data:,"><title>Empty</title>';
  await page.route('/empty', (route) => route.fulfill({ contentType: 'text/html', body: empty }));
  await page.goto('/empty');
  await page.evaluate(
    ({ database, version, store, keyPath, indexes, records }) =>
      new Promise<void>((resolve, reject) => {
        const opening = indexedDB.open(database, version);
        opening.onerror = () => reject(opening.error);
        opening.onupgradeneeded = () => {
          const made = opening.result.createObjectStore(store, { keyPath });
          for (const index of indexes) made.createIndex(index.name, index.keyPath);
        };
        opening.onsuccess = () => {
          const transaction = opening.result.transaction(store, 'readwrite');
          for (const record of records) transaction.objectStore(store).put(record);
          transaction.onerror = () => reject(transaction.error);
          transaction.oncomplete = () => {
            opening.result.close();
            resolve();
          };
        };
      }),
    kept,
  );
  await open(
    page,
    '/?model=8f93af2a728e&cut=0-2&cka=biased&stream=image&start=probe-u&target=teacher-after-u&by=probes',
  );
  await expect(page.getByRole('status').filter({ hasText: 'Restored analysis of shapes-mmdit' })).toContainText(
    '8 captioned pictures at 2 noise levels',
  );
  await expect(brackets(page).first()).toBeVisible();
  // Its similarities are over all tokens, as its address means.
  await expect(page).toHaveURL(/[?&]rows=all/);
  for (const title of ['Blocks', 'Similarity of hidden states', 'Where runs break', 'Intervals', 'Scores']) {
    await expect(panel(page, title)).toContainText('Held-out figures of an earlier split.');
  }
  await expectChosen(page, [[0, 2]]);
  await expect(planLine(page, 'Blocks')).toContainText('16 → 14');
  await expect(page.getByRole('radio', { name: 'Biased', exact: true })).toBeChecked();
  await expect(panel(page, 'Preview').getByRole('radio', { name: 'Probes', exact: true })).toBeChecked();
});

test('a plan of version 1 is loaded with the replacement that it had', async ({ page }) => {
  await open(page);
  const plan = fileURLToPath(new URL('../lib/testing/v1/plans/page-biased.json', import.meta.url));
  await pick(page, () => page.getByRole('button', { name: 'Load plan', exact: true }).click(), plan);
  await expectChosen(page, [[0, 2]]);
  await expect(page.getByRole('combobox', { name: 'Interval 0 to 2 replaced by', exact: true })).toHaveValue('probes');
  await expect(panel(page, 'Preview').getByRole('radio', { name: 'Probes', exact: true })).toBeChecked();
});

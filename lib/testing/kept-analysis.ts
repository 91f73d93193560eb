/** The analysis that a page has kept, as the text of its report: for journeys and benches. */
import type { Page } from '@playwright/test';

/** The first one of the page's database; null where it keeps none. */
export function keptText(page: Page): Promise<string | null> {
  return page.evaluate(
    () =>
      new Promise<string | null>((resolve, reject) => {
        const request = indexedDB.open('contigua');
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const all = request.result.transaction('analyses').objectStore('analyses').getAll();
          all.onerror = () => reject(all.error);
          all.onsuccess = () => {
            request.result.close();
            resolve(all.result[0]?.text ?? null);
          };
        };
      }),
  );
}

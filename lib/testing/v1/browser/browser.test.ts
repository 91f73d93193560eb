/** What version 1's page left in a browser: analyses kept under a model's fingerprint, and addresses in links and histories. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { keepReport, keptBeside, lastKept } from '../../../page/explorer/kept-analyses.ts';
import { linkFits } from '../../../page/explorer/url-state.ts';
import { planFacts } from '../plans/reading.ts';
import { jsonOf, textOf } from '../read-fixture.ts';
import { reportFacts } from '../reports/reading.ts';
import { type KeptStore, memoryIndexedDb } from './indexed-db.ts';
import { type LinkFacts, linkMeaning, pluggedMeaning } from './reading.ts';

const SAMPLE = 'sha256:8f93af2a728eb8cf41415a8805ae743b14c6ad6459473042e43d2988f7ad6a5c';

interface KeptRecord extends Readonly<Record<string, unknown>> {
  readonly key: string;
  readonly fingerprint: string;
  readonly savedAtMs: number;
  readonly text: string;
}
const kept = jsonOf<Omit<KeptStore, 'records'> & { records: readonly KeptRecord[]; localStorage: object }>(
  'browser/kept-analyses.json.gz',
);
const links = jsonOf<{
  explorer: readonly LinkFacts[];
  session: readonly { asked: string; kept: string; plan: string | null }[];
  run: readonly { param: string | null; means: ReturnType<typeof pluggedMeaning> }[];
}>('browser/links.json');

vi.mock('../../../page/explorer/background/index.ts', () => import('../../direct-background.ts'));
afterEach(() => vi.unstubAllGlobals());

describe('analyses that version 1 kept in a browser', () => {
  it('lie where version 1 put them', () => {
    expect({ ...kept, records: kept.records.map(({ key }) => key) }).toEqual({
      database: 'contigua',
      version: 1,
      store: 'analyses',
      keyPath: 'key',
      indexes: [{ name: 'fingerprint', keyPath: 'fingerprint' }],
      records: [`${SAMPLE} shapes-8-2-5`, `${SAMPLE} synthetic-6-3-2`],
      localStorage: {},
    });
  });

  it('are restored under the inputs that they state, the newest first, and stay', async () => {
    const stored = memoryIndexedDb(kept);
    vi.stubGlobal('indexedDB', stored);
    const restored = await lastKept(SAMPLE, null);
    const [older, ...others] = await keptBeside(SAMPLE, 'shapes-8-2-5');
    expect(restored?.savedAtMs).toBe(1_795_639_976_604);
    expect(restored?.report.model).toMatchObject({ name: 'shapes-mmdit', fingerprint: SAMPLE, numBlocks: 16 });
    expect(restored?.report.calibration).toMatchObject({ label: '8 captioned pictures at 2 noise levels', seed: 5 });
    expect([restored?.inputs, older?.inputs]).toEqual(['shapes-8-2-5', 'synthetic-6-3-2']);
    expect(others).toEqual([]);
    expect((await lastKept(SAMPLE, 'synthetic-6-3-2'))?.inputs).toBe('synthetic-6-3-2');
    expect(await lastKept(SAMPLE.replace('8', '9'), null)).toBeNull();
    expect(stored.records.size).toBe(2);
  });

  it('mean what a plan of that session says that they measured', () => {
    const newest = kept.records.find(({ key }) => key.endsWith('shapes-8-2-5'));
    const report = reportFacts(newest?.text ?? '', 'kept analysis');
    const plan = planFacts(textOf('plans/page-default.json'), 'page-default.json');
    expect(plan.calibration).toEqual(report.calibration);
    expect(plan.model.fingerprint).toBe(report.model.fingerprint);
    expect(report.detected['debiased block-u teacher-after-k mean']?.intervals).toMatch(/^\d+-\d+(,\d+-\d+)+$/);
  });

  it('give way to a newer analysis of the same inputs alone', async () => {
    const stored = memoryIndexedDb(kept);
    vi.stubGlobal('indexedDB', stored);
    const report = (await lastKept(SAMPLE, null))?.report;
    if (!report) throw new Error('nothing was restored');
    await keepReport('shapes-8-2-5', report, Date.now());
    expect(stored.records.size).toBe(2);
    expect((await lastKept(SAMPLE, null))?.savedAtMs).toBeGreaterThan(1_795_639_976_604);
  });
});

describe('an address of version 1', () => {
  it.each(links.explorer.map((one) => [one.address || '(empty)', one] as const))(
    'means the same: %s',
    (_, { address, means }) => {
      expect(linkMeaning(address, 16)).toEqual(means);
    },
  );

  it('is what the page made of the one that was opened, and of the same plan', () => {
    for (const { asked, kept: address, plan } of links.session) {
      const means = linkMeaning(address, 16);
      expect({ ...means, model: null }).toEqual(linkMeaning(asked, 16));
      expect(linkFits(means.model, SAMPLE)).toBe(true);
      if (plan === null) continue;
      const { layerIndex, replacement, settings } = planFacts(textOf(`plans/${plan}`), plan);
      const pairs = means.intervals === '' ? [] : means.intervals.split(',').map((key) => key.split('-').map(Number));
      expect([layerIndex, replacement]).toEqual([JSON.stringify(pairs), means.replacement]);
      expect(settings).toMatchObject(means.detection);
    }
  });

  it.each(links.run.map((one) => [one.param ?? '(none)', one] as const))(
    'plugs the same students in: plug=%s',
    (_, { param, means }) => {
      expect(pluggedMeaning(param)).toEqual(means);
    },
  );
});

import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take longest, longest first: begun last, one of them would run alone at the end while the other worker waits.
 * Durations of earlier runs, which vitest sorts by, are not there in a fresh checkout.
 */
const LONGEST = [
  'lib/server/proof/kill-trainer',
  'cli/distil',
  'lib/server/proof/trial',
  'lib/server/proof/kill-postgres',
  'lib/server/proof/trouble',
  'cli/analyse-states',
  'lib/core/distil/train-maps',
  'cli/analyse-drops',
  'lib/core/capture/spilled-capture',
  'lib/server/artifacts/damage',
  'lib/core/distil/distil-interval',
  'cli/plan-kinds',
  'lib/server/proof/kill-embedded',
  'lib/server/proof/hang',
  'lib/server/proof/shared-states',
  'cli/remote',
  'scripts/compiled',
  'scripts/job-host',
  'lib/testing/v1/runs/migration',
  'lib/testing/v1/runs/runs',
  'lib/core/distil/goldens',
  'lib/core/analysis/resume',
  'lib/server/proof/faults/corrupt-store',
  'lib/compute/engines/tensorflow',
  'cli/terminal',
  'cli/cli',
  'lib/compute/node-process',
  'lib/core/distil/kinds',
  'lib/core/width/measure-width',
  'lib/core/edited-model/fine-tuned-run',
].map((name) => fileURLToPath(new URL(`./${name}.test.ts`, import.meta.url)));

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.indexOf(moduleId);
      return at === -1 ? LONGEST.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

const ALL = '{app,bench,components,deploy,lib,study,workers,cli,scripts}/**/*.test.{ts,tsx}';
/**
 * Files that share the modules that they import, which halves the time that they take: each test starts the engine that it needs, and
 * mocks nothing.
 */
const SHARING =
  'lib/core/{checkpoint,detection,edit,export,folder,interval,model,modulation,plan,report,run,sampling,shapes,states,tensor,trace}/**/*.test.ts';

export default defineConfig({
  resolve: { alias: { '@': fileURLToPath(new URL('.', import.meta.url)) } },
  test: {
    projects: [
      { extends: true, test: { name: 'alone', include: [ALL], exclude: [...configDefaults.exclude, SHARING] } },
      { extends: true, test: { name: 'sharing', include: [SHARING], isolate: false } },
    ],
    environment: 'node',
    // Children that run sources use no cache in a folder that other users can write to (scripts/sources.mjs).
    env: { TSX_DISABLE_CACHE: '1' },
    testTimeout: 180_000,
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
  },
});

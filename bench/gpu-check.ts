/** Whether an engine computes what the references do: the golden cases of every family, and the samples' forward pass. */
import { startComputeProcess } from '../lib/compute/node-process.ts';
import type { EngineName } from '../lib/core/tensor/index.ts';
import { engineForward } from './contestants.ts';
import { type GpuOptions, type SectionPlan, shownDifference, worstDifference } from './gpu-section.ts';
import { SAMPLE_FOLDERS } from './sample-model.ts';

/** cpu takes seconds for a sample. */
const BATCH = '2';
/** Of the output's size, as for the golden cases. */
const TOLERANCE = 2e-4;

export function checkSection({ engine, others, threads }: GpuOptions): SectionPlan {
  return {
    title: 'Correctness',
    async measure(owned) {
      const { client } = startComputeProcess({ threads });
      owned(() => client.close());
      const report = await client.call('startEngine', { wanted: engine as EngineName });
      const golden = await client.call('verifyEngine', {});
      const rows = [
        [
          'golden cases of every family',
          'diffusers',
          shownDifference(golden.maxAbsError),
          shownDifference(golden.tolerance),
        ],
      ];
      let failed = !(golden.maxAbsError <= golden.tolerance);
      const forward: { folder: string; reference: string; difference: number }[] = [];
      for (const folder of SAMPLE_FOLDERS) {
        const outputOf = async (name: string) => {
          const contestant = engineForward(name, folder, threads);
          owned(() => contestant.end());
          return (await contestant.run(1, BATCH)).values;
        };
        const found = await outputOf(engine);
        for (const reference of [...others, 'cpu']) {
          const difference = worstDifference(found, await outputOf(reference));
          failed ||= !(difference <= TOLERANCE);
          forward.push({ folder, reference, difference });
          rows.push([`forward of ${folder}`, reference, shownDifference(difference), shownDifference(TOLERANCE)]);
        }
      }
      return {
        columns: ['what', 'against', 'worst difference', 'allowed'],
        rows,
        notes: [`${report.name}: ${report.device}`],
        data: { device: report.device, candidates: report.candidates, golden, forward },
        failed,
      };
    },
  };
}

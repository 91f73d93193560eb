import { expect, it } from 'vitest';
import type { WorkerClient } from '../lib/compute/client.ts';
import { modulationEdit, runEdit } from '../lib/core/edit/index.ts';
import { exampleModel } from '../lib/core/planner/planner-fixtures.ts';
import { offerModulations, refuseOtherModulations } from './plan-modulation.ts';

it('tell the error of a rank also where locked blocks keep their modulation', async () => {
  const errors = Float64Array.from({ length: 13 }, (_, rank) => 1 / (1 + rank));
  const found = { found: [{ errors }], damage: { outputError: 0.1, bounds: null, bands: [0.05, 0.2] } };
  const client = { call: async () => found } as unknown as WorkerClient;
  const calibration = { kind: 'synthetic', samples: 2, timesteps: 1, seed: 1 } as const;
  const bands = ([0.9, 0.1] as const).map((t) => ({
    id: 'early' as const,
    label: '',
    timesteps: [t],
    heldOutSamples: 1,
  }));
  const signal = AbortSignal.timeout(60_000);
  const offered = await offerModulations(client, exampleModel(6), { bands }, calibration, signal, {
    show: () => {},
  });
  const atRank4 = offered
    .offersAt([])
    .find(({ edit }) => edit.on === 'modulation' && 'rank' in edit.by && edit.by.rank === 4);
  expect(atRank4?.earlyError).toBeCloseTo(Math.sqrt(0.9 * 0.05 ** 2 + 0.1 * 0.2 ** 2), 12);
  const edits = [runEdit({ first: 3, last: 4 }, 'nothing'), modulationEdit({ rank: 8 }, [0, 1, 2, 3, 5])];
  expect([...offered.fitErrorsOf(edits)]).toEqual([['0-3 5 modulation rank 8', 1 / 9]]);
  // Above the ranks that the fit looked at.
  expect([...offered.fitErrorsOf([modulationEdit({ rank: 20 })]).values()]).toEqual([1 / 13]);
});

it('refuse a second way to share modulations', () => {
  refuseOtherModulations([runEdit({ first: 3, last: 4 }, 'nothing')]);
  expect(() => refuseOtherModulations([modulationEdit({ rank: 8 })])).toThrow(
    /--modulation and --intervals both share modulations; found modulation rank 8/,
  );
});

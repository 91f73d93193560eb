import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { WorkerClient } from '../lib/compute/client.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { withAblations } from './analyse-ablation.ts';

const DAMAGE = { outputError: 0.5, bounds: null, bands: [] };

it('measures runs and parts with the states on the engine that the analysis was allowed', async () => {
  const path = fileURLToPath(new URL('../lib/testing/v1/reports/calibration-file.json', import.meta.url));
  const report = parseReport(await readFile(path, 'utf8'), path);
  const asked: { readonly task: string; readonly limits: unknown }[] = [];
  const client = {
    async call(task: string, input: { limits?: unknown; edits?: readonly object[]; parts?: readonly object[] }) {
      asked.push({ task, limits: input.limits });
      return (input.parts ?? input.edits?.map((edit) => ({ edit })) ?? []).map((one) => ({ ...one, ...DAMAGE }));
    },
  } as unknown as WorkerClient;
  const calibration = { kind: 'synthetic', samples: 8, timesteps: 4, seed: 1 } as const;
  const options = { signal: new AbortController().signal, onProgress() {} };
  const limits = { engineBytes: 1000 };
  const measured = await withAblations(client, report, calibration, ['blocks', 'parts'], limits, options);
  expect(asked).toEqual([
    { task: 'damage', limits },
    { task: 'parts', limits },
    { task: 'parts', limits },
  ]);
  expect(measured.parts.length).toBeGreaterThan(report.parts.length);
});

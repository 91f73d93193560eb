import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_RIDGE } from '../core/analysis/index.ts';
import { parseReport } from '../core/report/index.ts';
import { integersOf } from '../core/tensor/index.ts';
import { openTrace, readState, type Trace } from '../core/trace/index.ts';
import { nodeEngines } from './engines/node-engines.ts';
import { nodeFiles } from './folder/node-files.ts';
import type { ModelSource, Progress } from './protocol.ts';
import type { CallContext } from './serve.ts';
import { createTasks } from './tasks.ts';

const TESTING = new URL('../testing/', import.meta.url);

function context(): CallContext<never> & { readonly seen: Progress[] } {
  const seen: Progress[] = [];
  return { signal: new AbortController().signal, onProgress: (progress) => seen.push(progress), seen };
}

const at = (path: string): ModelSource => ({ kind: 'url', url: new URL(path, TESTING).href, name: 'given' });

async function started() {
  const tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
  await tasks.startEngine({ wanted: 'wasm' }, context());
  return tasks;
}

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-trace-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('a trace in place of a model', () => {
  it.each([
    ['its file', 'traces/flux/trace.safetensors'],
    ['the folder that it was written to', 'traces/flux'],
  ])('is opened by %s, with what its config says', async (_, path) => {
    const { openModel } = await started();
    const summary = await openModel({ source: at(path) }, context());
    expect(summary).toMatchObject({
      name: 'tiny-flux',
      family: 'flux',
      numBlocks: 7,
      width: 16,
      dtypes: ['F32'],
      files: 1,
    });
    expect(summary.trace).toMatchObject({ rows: { image: 96, text: 96 } });
    const model = await openModel({ source: at('models/flux') }, context());
    expect(summary.parameters).toBe(model.parameters);
    expect(model.trace).toBeUndefined();
    // The tool computes the fingerprint from the files that the pipeline was loaded from.
    expect(summary.fingerprint).toBe(model.fingerprint);
  });

  it('is analysed, and names what needs weights', async () => {
    const tasks = await started();
    const summary = await tasks.openModel({ source: at('traces/sd3/trace.safetensors') }, context());
    const { seen, ...told } = context();
    const report = await tasks.analyseTrace({}, told);
    expect(parseReport(JSON.stringify(report), 'report.json')).toEqual(report);
    expect(report.model.fingerprint).toBe(summary.fingerprint);
    expect(report).toMatchObject({ engine: null, damage: [], settings: { damageSamples: null } });
    expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(['capture', 'probes', 'cka', 'trajectories']));

    const probes = {
      calibration: { kind: 'synthetic', samples: 4, timesteps: 2, seed: 1 },
      ridge: DEFAULT_RIDGE,
      split: 'prompt-groups',
    } as const;
    const edits = [{ on: 'run', first: 0, last: 1, by: 'nothing' }] as const;
    await expect(tasks.damage({ edits, probes }, context())).rejects.toThrow(
      'trace.safetensors: A trace holds no weights, and this request needs them. Open tiny-sd3 itself.',
    );
    await expect(tasks.analyse({ calibration: probes.calibration }, context())).rejects.toThrow(
      /A trace holds no weights/,
    );
  });

  it('makes room for a model, and the other way round', async () => {
    const tasks = await started();
    await tasks.openModel({ source: at('traces/sd3/trace.safetensors') }, context());
    await tasks.openModel({ source: at('models/sd3') }, context());
    await expect(tasks.analyseTrace({}, context())).rejects.toThrow('No trace is open');
  });
});

describe('capture', () => {
  /** Values of the trace by state, sample and token. */
  async function valuesOf(trace: Trace): Promise<Map<string, Float32Array>> {
    const found = new Map<string, Float32Array>();
    for (const { id } of trace.model.streams) {
      const origins = ['sample', 'token'].map(async (of) => {
        const read = integersOf(trace.checkpoint.tensors.get(`${id}.${of}`)?.dtype);
        return Array.from(read!(await trace.checkpoint.readBytes(`${id}.${of}`)));
      });
      const [samples, tokens] = await Promise.all(origins);
      for (let index = -1; index < trace.model.blocks.length; index++) {
        const values = await readState(trace, id, index);
        for (const [row, sample] of samples!.entries()) {
          found.set(`${id} ${index} ${sample} ${tokens![row]}`, values.subarray(row * 16, (row + 1) * 16));
        }
      }
    }
    return found;
  }

  it.each(['qwen-image', 'sd3', 'flux', 'flux2'])(
    'writes what diffusers gives on the same inputs: %s',
    async (name) => {
      const tasks = await started();
      const summary = await tasks.openModel({ source: at(`models/${name}`) }, context());
      const inputs = fileURLToPath(new URL(`traces/${name}/calibration.safetensors`, TESTING));
      const out = join(folder, name);
      const files = await tasks.capture(
        {
          calibration: { kind: 'file', file: { path: 'inputs.safetensors', url: pathToFileURL(inputs).href } },
          rows: 1024,
          dtype: 'F32',
          saveTo: pathToFileURL(out).href,
        },
        context(),
      );
      expect((await readdir(out)).sort()).toEqual(['calibration.safetensors', 'trace.safetensors']);
      expect(files.trace.url).toBe(pathToFileURL(join(out, 'trace.safetensors')).href);

      const open = async (path: string) => {
        return await openTrace({ path: 'trace.safetensors', blob: new Blob([await readFile(path)]) });
      };
      const own = await open(join(out, 'trace.safetensors'));
      const theirs = await open(fileURLToPath(new URL(`traces/${name}/trace.safetensors`, TESTING)));
      expect(own.model).toEqual({ ...theirs.model, ...own.model });
      expect(own.model.fingerprint).toBe(summary.fingerprint);
      expect(theirs.model.fingerprint).toBe(summary.fingerprint);
      expect(own.samples.groups).toEqual(theirs.samples.groups);
      const [a, b] = [await valuesOf(own), await valuesOf(theirs)];
      let worst = 0;
      for (const [key, values] of b) {
        const largest = values.reduce((most, one) => Math.max(most, Math.abs(one)), 1);
        for (const [i, value] of values.entries()) worst = Math.max(worst, Math.abs(a.get(key)![i]! - value) / largest);
      }
      expect(worst).toBeLessThan(1e-4);
      // The calibration that is written is read as the one that was given.
      const again = await tasks.analyse(
        { calibration: { kind: 'file', file: { path: 'calibration.safetensors', url: files.calibration.url } } },
        context(),
      );
      expect(again.calibration).toMatchObject({ samples: 24, file: own.samples.facts.file });
      expect(again.split).toMatchObject({ groups: 8 });
    },
  );

  it('draws as many rows as are asked for, evenly from all samples', async () => {
    const tasks = await started();
    await tasks.openModel({ source: at('models/flux2') }, context());
    const saveTo = pathToFileURL(join(folder, 'few')).href;
    const calibration = { kind: 'synthetic', samples: 12, timesteps: 4, seed: 3 } as const;
    const { trace } = await tasks.capture({ calibration, rows: 40, dtype: 'BF16', saveTo }, context());
    const opened = await openTrace(await nodeFiles.openFile(trace.url, 'trace.safetensors'));
    expect(opened.dtype).toBe('BF16');
    const counts = new Map<number, number>();
    for (const sample of opened.samples.rows.image!) counts.set(sample, (counts.get(sample) ?? 0) + 1);
    expect([...counts.values()].sort()).toEqual([3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4]);
  });

  it('leaves no trace when it is stopped', async () => {
    const tasks = await started();
    await tasks.openModel({ source: at('models/flux2') }, context());
    const own = new AbortController();
    const saveTo = pathToFileURL(join(folder, 'stopped')).href;
    const calibration = { kind: 'synthetic', samples: 12, timesteps: 4, seed: 3 } as const;
    const stopped = tasks.capture(
      { calibration, rows: 40, dtype: 'F32', saveTo },
      { signal: own.signal, onProgress: () => own.abort() },
    );
    await expect(stopped).rejects.toThrow('Stopped');
    expect(await readdir(join(folder, 'stopped'))).toEqual(['calibration.safetensors']);
  });
});

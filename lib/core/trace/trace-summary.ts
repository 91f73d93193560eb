/** A trace as the product shows a model: what its config says, and what the file holds in place of weights. */
import type { NamedBlob } from '../checkpoint/index.ts';
import { describedModel, type ModelSummary } from '../folder/model-summary.ts';
import { hexOf, sha256OfAll } from '../sha256.ts';
import type { Trace } from './open-trace.ts';
import { ROW_TENSORS, rowTensor, stateTensor, TRACE_FILES } from './trace-format.ts';
import { isTrace } from './trace-metadata.ts';

const DIGITS = 16;

/** The one trace among files that are no model's folder; its companions may lie beside it. */
export async function traceIn(files: readonly NamedBlob[]): Promise<NamedBlob | null> {
  const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
  const companions: readonly string[] = [TRACE_FILES.calibration, TRACE_FILES.boundaries];
  const [file, ...others] = files.filter(
    ({ path }) => path.endsWith('.safetensors') && !companions.includes(nameOf(path)),
  );
  return file && others.length === 0 && (await isTrace(file)) ? file : null;
}

/**
 * A trace of a model whose fingerprint was not known has one of its own, so that nothing that was measured on it is taken for
 * another model's.
 */
export async function traceSummary(trace: Trace): Promise<ModelSummary> {
  const own = await identityOf(trace);
  const { model, config, dtype, sizeBytes, samples } = trace;
  const stored = { fingerprint: model.fingerprint ?? `sha256:${own}`, dtypes: [dtype], sizeBytes, files: 1 };
  const rows = Object.fromEntries(Object.entries(samples.rows).map(([stream, { length }]) => [stream, length]));
  const facts = { digits: own.slice(0, DIGITS), label: samples.facts.label, rows };
  return { ...describedModel(model.name, config, stored, null), trace: facts };
}

/** A hash of the inventory, the metadata, where the rows come from and the first row of each last state: 3 GB need not be read. */
async function identityOf({ checkpoint, model }: Trace): Promise<string> {
  const inventory = [...checkpoint.tensors.values()].map(({ name, dtype, shape }) => [name, dtype, shape]);
  const digests = [
    new TextEncoder().encode(JSON.stringify({ metadata: [...checkpoint.metadata], inventory: inventory.sort() })),
  ];
  for (const { id } of model.streams) {
    for (const of of ROW_TENSORS) {
      const name = rowTensor(id, of);
      if (checkpoint.tensors.has(name)) digests.push(new Uint8Array(await checkpoint.readBytes(name)));
    }
    const last = await checkpoint.readFloat32(stateTensor(id, model.blocks.length - 1), 0, model.width);
    digests.push(new Uint8Array(last.slice().buffer));
  }
  return hexOf(await sha256OfAll(digests));
}

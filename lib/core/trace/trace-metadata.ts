/** What a trace says of itself in its file's metadata, checked. */

import type * as z from 'zod/mini';
import type { NamedBlob } from '../checkpoint/index.ts';
import { openFile } from '../checkpoint/index.ts';
import { ContiguaError } from '../errors.ts';
import { MAX_JSON_BYTES, parseJson } from '../json-text.ts';
import { architectureOf, type ModelConfig, parseModelConfig } from '../model/config-index.ts';
import { checkStacks } from '../report/check-stacks.ts';
import { checkedJson } from '../report/json-file.ts';
import {
  TRACE_KEY,
  TRACE_VERSION,
  type TraceCalibration,
  type TraceModel,
  type TraceSampling,
  traceCalibrationSchema,
  traceModelSchema,
  traceSamplingSchema,
} from './trace-format.ts';

export interface TraceMetadata {
  readonly model: TraceModel;
  /** That of the model, parsed. */
  readonly config: ModelConfig;
  readonly calibration: TraceCalibration | null;
  readonly sampling: TraceSampling;
}

const CODE = 'trace-invalid';
export const TRACE_HINT =
  'Write the trace again with tools/capture/contigua_capture.py or `contigua capture` (docs/trace.md describes the file).';

/** Whether the file says that it is a trace; false for one that cannot be read. */
export async function isTrace(file: NamedBlob): Promise<boolean> {
  if (!file.path.endsWith('.safetensors')) return false;
  return await openFile(file).then(
    ({ metadata }) => metadata.has(TRACE_KEY),
    () => false,
  );
}

export function parseTraceMetadata(metadata: ReadonlyMap<string, string>, file: string): TraceMetadata {
  const version = metadata.get(TRACE_KEY);
  if (version === undefined) {
    throw new ContiguaError(CODE, 'The file is no trace', {
      file,
      found: `metadata without \`${TRACE_KEY}\``,
      expected: 'a trace.safetensors of Contigua',
      hint: TRACE_HINT,
    });
  }
  if (version !== String(TRACE_VERSION)) {
    const isNewer = Number(version) > TRACE_VERSION;
    throw new ContiguaError(CODE, isNewer ? 'The trace was written by a newer Contigua' : 'The version is wrong', {
      file,
      found: `version ${version}`,
      expected: `version ${TRACE_VERSION}`,
      hint: isNewer ? 'Update Contigua and open the file again.' : TRACE_HINT,
    });
  }
  return {
    ...parseTracedModel(metadata, file),
    calibration: parsedValue(metadata, 'calibration', traceCalibrationSchema, file),
    sampling: parsedValue(metadata, 'sampling', traceSamplingSchema, file),
  };
}

/** The model that states are of, as their file names it. */
export function parseTracedModel(
  metadata: ReadonlyMap<string, string>,
  file: string,
): Pick<TraceMetadata, 'model' | 'config'> {
  const model = parsedValue(metadata, 'model', traceModelSchema, file);
  checkModel(model, file);
  return { model, config: configOf(model, file) };
}

export function parsedValue<S>(
  metadata: ReadonlyMap<string, string>,
  key: string,
  schema: z.ZodMiniType<S>,
  file: string,
): S {
  const where = `${file} › ${key}`;
  const told = { code: CODE, expected: `the ${key} of captured states, as JSON`, hint: TRACE_HINT } as const;
  const text = metadata.get(key);
  if (text === undefined) {
    const found = [...metadata.keys()].join(', ');
    throw new ContiguaError(CODE, `The metadata has no \`${key}\``, { file, found, expected: key, hint: TRACE_HINT });
  }
  const source = { ...told, file: where, notJson: 'This is not JSON', maxBytes: MAX_JSON_BYTES.config };
  return checkedJson(parseJson(text, source), schema, where, told);
}

function checkModel({ blocks, streams, stacks }: TraceModel, file: string): void {
  const where = `${file} › model`;
  const wrong = (summary: string, found: string, expected: string) =>
    new ContiguaError(CODE, summary, { file: where, found, expected, hint: TRACE_HINT });
  if (blocks.length === 0 || streams.length === 0) {
    throw wrong(
      'The model has no blocks or no streams',
      `${blocks.length} and ${streams.length}`,
      'at least one of each',
    );
  }
  checkStacks({ numBlocks: blocks.length, stacks }, where, { code: CODE, hint: TRACE_HINT });
  const known = streams.map(({ id }) => id);
  if (new Set(known).size !== known.length) throw wrong('A stream is declared twice', known.join(', '), 'each once');
  for (const [block, { updates }] of blocks.entries()) {
    const other = updates.find((id) => !known.includes(id));
    if (other !== undefined) throw wrong(`\`blocks[${block}].updates\` names another stream`, other, known.join(', '));
  }
}

/** It has to describe the model that the trace is of. */
function configOf({ config, width, blocks, streams }: TraceModel, file: string): ModelConfig {
  const where = `${file} › model.config`;
  const parsed = parseModelConfig(JSON.stringify(config), where);
  const architecture = architectureOf(parsed);
  const same = (what: string, found: unknown, expected: unknown) => {
    if (String(found) === String(expected)) return;
    throw new ContiguaError(CODE, `The config and the trace disagree about the ${what}`, {
      file: where,
      found: String(expected),
      expected: `${found}, as the trace says`,
      hint: 'Write config.json of the transformer that was captured into the trace.',
    });
  };
  same('number of blocks', blocks.length, parsed.numBlocks);
  same('width', width, parsed.width);
  same('streams', streams.map(({ id }) => id).sort(), architecture.streams.map(({ id }) => id).sort());
  const updates = (of: readonly { readonly updates: readonly string[] }[]) =>
    of.map((block, index) => `${index}: ${block.updates.toSorted().join(' ')}`);
  same('streams that blocks update', updates(blocks), updates(architecture.blocks));
  return parsed;
}

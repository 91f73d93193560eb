/** A calibration as the file that `fileCalibration` reads, and where its captured tokens lie. For whoever writes a trace. */
import { safetensorsLayout, type TensorLayout } from '../checkpoint/index.ts';
import {
  extraInputsOf,
  hiddenStatesOf,
  type ModelConfig,
  type StreamId,
  shapeOf,
  streamMask,
  streamTokens,
  type Transformer,
  type TransformerInputs,
} from '../model/index.ts';
import type { PerStream } from '../report/report.ts';
import type { Calibration } from './calibration.ts';

/** The bytes of the file, batch by batch. */
export async function* calibrationParts(
  { batches, groups }: Calibration,
  config: ModelConfig,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const [first] = batches;
  if (!first) return;
  const samples = groups.length;
  const tensors: (TensorLayout & { readonly of: (inputs: TransformerInputs) => Float32Array | Uint8Array })[] = [];
  const perSample = (name: string, shape: readonly number[], of: (inputs: TransformerInputs) => Float32Array) => {
    tensors.push({ name, dtype: 'F32', shape: [samples, ...shape], of });
  };
  perSample(
    'hidden_states',
    hiddenStatesOf(first, config).shape.slice(1),
    (inputs) => hiddenStatesOf(inputs, config).values,
  );
  perSample('encoder_hidden_states', [first.textTokens, config.textDim], (inputs) => inputs.encoderHiddenStates);
  perSample('timestep', [], (inputs) => inputs.timestep);
  if (batches.some(({ mask }) => mask !== null)) {
    const shape = [samples, first.textTokens];
    const of = ({ mask, batch, textTokens }: TransformerInputs) => mask ?? new Uint8Array(batch * textTokens).fill(1);
    tensors.push({ name: 'encoder_hidden_states_mask', dtype: 'U8', shape, of });
  }
  for (const input of extraInputsOf(config)) {
    const shape = shapeOf(input, { ...first, batch: samples });
    // What is a row of an embedding is looked up by whole numbers.
    const dtype = input.source === 'category' ? 'I32' : 'F32';
    tensors.push({
      name: input.name,
      dtype,
      shape,
      of: ({ extra }) => {
        const values = extra[input.name]?.values ?? new Float32Array();
        return dtype === 'I32' ? bytesOf(Int32Array.from(values)) : values;
      },
    });
  }
  const metadata: Record<string, string> = { format: 'pt' };
  const shapes = batches.flatMap(({ batch, imageShapes, shapesOfSamples }) => {
    return shapesOfSamples ?? (imageShapes ? Array.from({ length: batch }, () => imageShapes) : []);
  });
  if (shapes.length === samples) metadata.img_shapes = JSON.stringify(shapes);
  const group: TensorLayout = { name: 'prompt_group', dtype: 'I32', shape: [samples] };
  const { header, tensors: sorted } = safetensorsLayout<TensorLayout>([group, ...tensors], metadata);
  yield header;
  for (const layout of sorted) {
    if (layout === group) {
      yield bytesOf(Int32Array.from(groups));
      continue;
    }
    const tensor = tensors.find(({ name }) => name === layout.name);
    const isShared = extraInputsOf(config).some(({ name, perSample: own }) => name === layout.name && !own);
    for (const inputs of isShared ? [first] : batches) yield bytesOf(tensor?.of(inputs) ?? new Uint8Array());
  }
}

/** The place in its sample of each captured token, padded ones counted, in the order in which rows are captured. */
export function capturedTokens(
  { batches, taken }: Calibration,
  { architecture }: Pick<Transformer, 'architecture'>,
): PerStream<Uint32Array> {
  const places: Record<StreamId, Uint32Array> = {};
  for (const stream of architecture.streams) {
    const valid: number[] = [];
    for (const inputs of batches) {
      const [tokens, mask] = [streamTokens(inputs, stream), streamMask(inputs, stream)];
      for (let at = 0; at < inputs.batch * tokens; at++) if (!mask || mask[at]) valid.push(at % tokens);
    }
    const rows = taken?.[stream.id];
    places[stream.id] = rows ? rows.map((row) => valid[row]!) : Uint32Array.from(valid);
  }
  return places;
}

function bytesOf(values: Float32Array | Int32Array | Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
}

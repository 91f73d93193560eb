/** A model's tensors as one file in an original layout, put together again from diffusers' names. For tests only. */
import { type TensorToWrite, writeSafetensors } from '../core/checkpoint/index.ts';
import type { GoldenModel } from '../core/model/golden-fill.ts';
import { expectedTensors } from '../core/model/index.ts';
import type { OriginalLayout } from '../core/model/original-layout.ts';
import { fromFloat32 } from '../core/tensor/float.ts';

/** Fused tensors row by row, at the places where the layout says that their parts lie. */
export async function originalTensors(
  { config, checkpoint }: GoldenModel,
  layout: OriginalLayout,
  wrapper = '',
): Promise<TensorToWrite[]> {
  const whole = new Map<string, { rest: readonly number[]; rows: Map<number, Float32Array> }>();
  for (const { name, shape } of expectedTensors(config)) {
    const [height = 1, ...rest] = shape;
    const source = layout.source(name, config);
    const values = await checkpoint.readFloat32(name);
    const rowElements = values.length / height;
    const into = whole.get(source.name) ?? { rest, rows: new Map<number, Float32Array>() };
    whole.set(source.name, into);
    let done = 0;
    for (const [from, to] of source.rows ?? [[0, height] as const]) {
      for (let row = from; row < to; row++, done++) {
        into.rows.set(row, values.subarray(done * rowElements, (done + 1) * rowElements));
      }
    }
  }
  return [...whole].map(([name, { rest, rows }]) => {
    const values = new Float32Array([...rows.values()].reduce((sum, { length }) => sum + length, 0));
    for (const [row, part] of rows) values.set(part, row * part.length);
    return { name: wrapper + name, dtype: 'F32', shape: [rows.size, ...rest], bytes: fromFloat32(values, 'F32') };
  });
}

export async function originalFile(
  model: GoldenModel,
  layout: OriginalLayout,
  wrapper = '',
  change: (tensors: TensorToWrite[]) => TensorToWrite[] = (all) => all,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(writeSafetensors(change(await originalTensors(model, layout, wrapper))));
}

/**
 * A joint block of SD3 as one of another kind. As the last block it loses its text's output, which nothing reads: its text
 * modulation keeps shift and scale of the attention, in the order scale, shift. Without dual attention it loses the second
 * attention. With dual attention it gets one whose gate is zero, so that it computes what it did and can learn to do more.
 */
import { type BlockSpec, elementsOf } from '../architecture.ts';
import type { BlockConversion, RowSource } from '../block-rows.ts';
import { kindOf, SECOND_PROJECTIONS } from './blocks.ts';
import type { SD3Config } from './config.ts';

export function convertSD3({ width: D, headDim, qkNorm }: SD3Config, from: BlockSpec, to: BlockSpec): BlockConversion {
  const [old, wanted] = [kindOf(from), kindOf(to)];
  const imageRows = elementsOf(shapeOf(from, 'norm1.linear.bias')) - (old.isDual ? 3 * D : 0);
  if (old.isLast && !wanted.isLast)
    throw new RangeError(`A ${from.kind} block gives no text, which a ${to.kind} one does`);
  const conversion = new Map<string, readonly RowSource[]>();
  const set = (layer: string, sources: readonly RowSource[]) => {
    for (const part of ['weight', 'bias']) {
      const named = sources.map((source) => ('zeros' in source ? source : { ...source, tensor: `${layer}.${part}` }));
      conversion.set(`${layer}.${part}`, named);
    }
  };
  if (!old.isLast && wanted.isLast) {
    // Rows are shift, scale, gate of the attention, then of the MLP.
    set('norm1_context.linear', [
      { tensor: '', from: D, to: 2 * D },
      { tensor: '', from: 0, to: D },
    ]);
  }
  if (old.isDual && !wanted.isDual) set('norm1.linear', [{ tensor: '', from: 0, to: imageRows }]);
  if (!old.isDual && wanted.isDual) {
    // Shift and scale of the joint attention, whose projections the second attention starts with.
    set('norm1.linear', [{ tensor: '', from: 0, to: imageRows }, { tensor: '', from: 0, to: 2 * D }, { zeros: D }]);
    for (const projection of SECOND_PROJECTIONS) {
      for (const part of ['weight', 'bias']) {
        const tensor = `attn.${projection}.${part}`;
        conversion.set(`attn2.${projection}.${part}`, [{ tensor, from: 0, to: D }]);
      }
    }
    for (const norm of qkNorm ? ['norm_q', 'norm_k'] : []) {
      conversion.set(`attn2.${norm}.weight`, [{ tensor: `attn.${norm}.weight`, from: 0, to: headDim }]);
    }
  }
  const own = new Map(from.tensors.map(({ name, shape }) => [name, shape.join()]));
  const rowsOf = (sources: readonly RowSource[]) =>
    sources.reduce((sum, source) => sum + ('zeros' in source ? source.zeros : source.to - source.from), 0);
  for (const { name, shape } of to.tensors) {
    const sources = conversion.get(name);
    if (sources ? rowsOf(sources) === shape[0] : own.get(name) === shape.join()) continue;
    throw new RangeError(`A ${from.kind} block has no ${name} of a ${to.kind} one`);
  }
  return conversion;
}

function shapeOf({ tensors, kind }: BlockSpec, name: string): readonly number[] {
  const found = tensors.find((tensor) => tensor.name === name);
  if (!found) throw new RangeError(`A ${kind} block has no ${name}`);
  return found.shape;
}

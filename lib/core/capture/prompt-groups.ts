/**
 * Which samples are of one prompt: those whose text inputs are equal to the bit, i.e. the encoder's states over valid tokens
 * and, where the family has one, the pooled text. A probe that was fitted on one of them knows the text states of the
 * others, whatever their timesteps, so that they must not be told apart when samples are held out.
 */
import { extraInputsOf, type ModelConfig, type TransformerInputs } from '../model/index.ts';

/** [B], numbered from 0 in the order of the samples. */
export function promptGroups(inputs: TransformerInputs, config: ModelConfig): Uint32Array {
  const texts = textsOf(inputs, config);
  // Samples that came first in their group, by a hash of their text; equal hashes are compared.
  const firsts = new Map<number, number[]>();
  const groups = new Uint32Array(inputs.batch);
  let count = 0;
  for (let sample = 0; sample < inputs.batch; sample++) {
    const text = texts(sample);
    const hash = hashOf(text);
    const alike = firsts.get(hash) ?? [];
    const first = alike.find((other) => sameText(texts(other), text));
    groups[sample] = first === undefined ? count++ : groups[first]!;
    if (first === undefined) firsts.set(hash, [...alike, sample]);
  }
  return groups;
}

/** What a sample has of text: bits of its valid tokens and of its pooled vectors, piece by piece. */
type Text = readonly Uint32Array[];

function textsOf(inputs: TransformerInputs, config: ModelConfig): (sample: number) => Text {
  const { batch, encoderHiddenStates, textTokens, mask, extra } = inputs;
  const bits = (values: Float32Array) => new Uint32Array(values.buffer, values.byteOffset, values.length);
  const tokens = bits(encoderHiddenStates);
  const width = tokens.length / (batch * textTokens);
  const pooled = extraInputsOf(config).flatMap(({ name, source }) => {
    const given = source === 'pooled-text' ? extra[name] : undefined;
    return given?.perSample ? [bits(given.values)] : [];
  });
  return (sample) => {
    const valid = Array.from({ length: textTokens }, (_, token) => sample * textTokens + token).filter(
      (row) => mask === null || mask[row],
    );
    return [
      ...valid.map((row) => tokens.subarray(row * width, (row + 1) * width)),
      ...pooled.map((values) =>
        values.subarray((sample * values.length) / batch, ((sample + 1) * values.length) / batch),
      ),
    ];
  };
}

/** FNV-1a over 32-bit words. */
function hashOf(text: Text): number {
  let hash = 0x811c9dc5;
  for (const piece of text) for (const word of piece) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

function sameText(a: Text, b: Text): boolean {
  return a.length === b.length && a.every((piece, i) => piece.every((word, j) => word === b[i]![j]));
}

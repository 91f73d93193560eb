import { describe, expect, it } from 'vitest';
import { familyNamed, type TransformerInputs } from '../model/index.ts';
import { goldenQ1 } from '../model/qwen-image/goldens.ts';
import { seededRandom } from '../random.ts';
import { promptGroups } from './prompt-groups.ts';

const { config } = goldenQ1();
const [TOKENS, WIDTH] = [3, config.textDim];

/** Text inputs of the named prompts; two prompts of other numbers differ in one value. */
function inputsOf(prompts: readonly number[], change: Partial<TransformerInputs> = {}): TransformerInputs {
  const text = (prompt: number) => {
    const random = seededRandom(1);
    const values = Float32Array.from({ length: TOKENS * WIDTH }, () => random.normal());
    values[TOKENS * WIDTH - 1] = prompt;
    return values;
  };
  return {
    batch: prompts.length,
    imageTokens: 1,
    textTokens: TOKENS,
    imageShapes: [[1, 1, 1]],
    hiddenStates: new Float32Array(prompts.length * config.inChannels),
    encoderHiddenStates: Float32Array.from(prompts.flatMap((prompt) => [...text(prompt)])),
    timestep: Float32Array.from(prompts, (_, i) => i / prompts.length),
    mask: null,
    extra: {},
    ...change,
  };
}
const groupsOf = (inputs: TransformerInputs) => [...promptGroups(inputs, config)];

describe('samples of one prompt', () => {
  it('have equal text inputs, whatever their timesteps', () => {
    expect(groupsOf(inputsOf([5, 7, 5, 7, 9, 5]))).toEqual([0, 1, 0, 1, 2, 0]);
  });

  it('are told by valid tokens alone', () => {
    const mask = Uint8Array.of(1, 1, 0, 1, 1, 0, 1, 1, 1);
    expect(groupsOf(inputsOf([5, 7, 7], { mask }))).toEqual([0, 0, 1]);
    // As many zeros at another place are another text.
    expect(groupsOf(inputsOf([5, 5], { mask: Uint8Array.of(1, 1, 0, 1, 0, 1) }))).toEqual([0, 1]);
    expect(groupsOf(inputsOf([5, 7], { mask: new Uint8Array(2 * TOKENS) }))).toEqual([0, 0]);
  });

  it('have equal pooled text too, in a family that takes it', () => {
    const flux = { ...config, family: 'flux', pooledDim: 2, guidanceEmbeds: false };
    expect(
      familyNamed('flux')
        .extraInputs(flux as never)
        .map(({ name }) => name),
    ).toContain('pooled_projections');
    const pooled = (...values: number[]) => ({
      pooled_projections: { values: Float32Array.from(values), perSample: true },
    });
    const of = (...values: number[]) => [...promptGroups(inputsOf([5, 5], { extra: pooled(...values) }), flux)];
    expect(of(1, 2, 1, 2)).toEqual([0, 0]);
    expect(of(1, 2, 1, 3)).toEqual([0, 1]);
  });
});

/** Against the published sizes of Qwen-Image and its operation counts (linear layers counted with torch's FlopCounter). */
import { describe, expect, it } from 'vitest';
import { QWEN_IMAGE_CONFIG } from '../../testing/qwen-image-config.ts';
import { NO_EDITS, type RunReplacement, runEdit, runEdits } from '../edit/index.ts';
import { parseLayerIndex } from '../interval/index.ts';
import { architectureOf, countParameters, parseModelConfig } from '../model/config-index.ts';
import { type CostedModel, planCost } from './cost.ts';

const PUBLISHED =
  '[[3,4],[5,7],[8,10],[11,12],[15,24],[25,27],[29,30],[42,43],[45,47],[48,49],[52,53],[54,55],[56,57]]';
const ONE_FORWARD = { steps: 1, forwardsPerStep: 1 };

function qwenImage(tokensPerForward: CostedModel['tokensPerForward']): CostedModel {
  const config = parseModelConfig(JSON.stringify(QWEN_IMAGE_CONFIG), 'config.json');
  const { globals, total } = countParameters(config);
  return {
    width: config.width,
    blocks: architectureOf(config).blocks,
    globalParameters: globals,
    sizeBytes: 2 * total,
    tokensPerForward,
    config: QWEN_IMAGE_CONFIG,
  };
}
const model = qwenImage({ image: 4096, text: 128 });
const costOf = (intervals: string, by: RunReplacement = 'nothing') =>
  planCost(model, runEdits(parseLayerIndex(intervals, { numBlocks: 60 }, 'test'), by), ONE_FORWARD);

describe('planCost', () => {
  it('counts the 20,430,401,088 parameters of Qwen-Image, 40.86 GB in bfloat16', () => {
    const { parameters, sizeBytes, blocks } = planCost(model, NO_EDITS, ONE_FORWARD);
    expect(parameters).toEqual({ before: 20_430_401_088, after: 20_430_401_088 });
    expect(blocks).toEqual({ before: 60, after: 60 });
    expect(sizeBytes.before / 1e9).toBeCloseTo(40.86, 2);
    expect(sizeBytes.after).toBe(sizeBytes.before);
  });

  it.each([
    ['[[0,22]]', 38, 12_954_112_576],
    ['[[0,24]]', 36, 12_274_449_984],
    [PUBLISHED, 35, 11_934_618_688],
    ['[[0,30]]', 30, 10_235_462_208],
  ])('leaves the published size for %s', (intervals, blocks, parameters) => {
    const cost = costOf(intervals);
    expect(cost.blocks.after).toBe(blocks);
    expect(cost.parameters.after).toBe(parameters);
    expect(cost.sizeBytes.after).toBe(2 * parameters);
    expect(cost.probes).toEqual({ count: 0, parameters: 0, flopsPerForward: 0 });
  });

  it.each([
    [4096, 128, 70.58],
    [4096, 512, 78.3],
    [6889, 512, 140.99],
  ])('takes, with %i image and %i text tokens, %f TFLOP per forward', (image, text, teraflop) => {
    const { flopsPerForward } = planCost(qwenImage({ image, text }), NO_EDITS, ONE_FORWARD);
    expect(flopsPerForward.before / 1e12).toBeCloseTo(teraflop, 2);
  });

  it('multiplies by steps and by the two forwards of guidance for an image', () => {
    const cost = planCost(model, NO_EDITS, { steps: 20, forwardsPerStep: 2 });
    expect(cost.flopsPerImage.before).toBe(40 * cost.flopsPerForward.before);
  });

  it('saves a block’s share of the operations for every block removed', () => {
    const half = costOf('[[0,30]]').flopsPerForward;
    const all = costOf('[]').flopsPerForward.before;
    expect(half.before).toBe(all);
    expect((all - half.after) / all).toBeGreaterThan(0.499);
    expect((all - half.after) / all).toBeLessThan(0.5);
  });

  it('adds the probes where they stand in, and tells them apart', () => {
    const removed = costOf('[[3,5]]');
    const probed = costOf('[[3,5]]', 'probes');
    expect(probed.probes.count).toBe(4);
    expect(probed.probes.parameters).toBe(4 * (3072 ** 2 + 3072));
    expect(probed.parameters.after - removed.parameters.after).toBe(probed.probes.parameters);
    expect(probed.flopsPerForward.after - removed.flopsPerForward.after).toBe(2 * 2 * 3072 ** 2 * 4224);
    expect(probed.blocks).toEqual(removed.blocks);
  });

  it('adds probes for runs by probes alone: a student is a block, and nothing is nothing', () => {
    const edits = [
      runEdit({ first: 3, last: 5 }, 'probes'),
      runEdit({ first: 7, last: 9 }, 'nothing'),
      runEdit({ first: 11, last: 13 }, 'student'),
    ];
    const mixed = planCost(model, edits, ONE_FORWARD);
    const removed = costOf('[[3,5],[7,9],[11,13]]');
    const probed = costOf('[[3,5]]', 'probes');
    expect(mixed.probes).toEqual(probed.probes);
    expect(mixed.parameters.after).toBe(removed.parameters.after + probed.probes.parameters);
    expect(mixed.flopsPerForward.after).toBe(removed.flopsPerForward.after + probed.probes.flopsPerForward);
    expect(mixed.blocks).toEqual({ before: 60, after: 54 });
    expect(costOf('[[3,5],[7,9],[11,13]]', 'student')).toEqual(removed);
  });

  it('counts a probe for each stream that its block updates', () => {
    const probed = costOf('[[58,59]]', 'probes');
    // The last block leaves the text as it is.
    expect(probed.probes.count).toBe(1);
    expect(probed.probes.flopsPerForward).toBe(2 * 3072 ** 2 * 4096);
  });
});

import { describe, expect, it } from 'vitest';
import { editKey, ffnEdit, textStreamEdit } from '../edit/index.ts';
import { architectureOf, parseModelConfig, whyNotAt } from '../model/config-index.ts';
import type { AnalysisReport, WidthDamage } from '../report/index.ts';
import { leastFfns, leastTextGroups, rankWidth, whyNoCandidates, widthCandidates } from './index.ts';

const QWEN = parseModelConfig('{"_class_name":"QwenImageTransformer2DModel","num_layers":5}', 'config.json');
const FLUX = parseModelConfig('{"_class_name":"FluxTransformer2DModel"}', 'config.json');
const NO_REPORT = {} as AnalysisReport;

const measured = (edit: WidthDamage['edit'], outputError: number | null): WidthDamage => ({
  edit,
  outputError,
  fitError: 0.1,
  fitBounds: null,
  changeError: 0.5,
  bounds: null,
  bands: [],
});
const group = (first: number, last: number) => textStreamEdit({ first, last });

describe('what could be made narrower', () => {
  it('is every feed-forward layer of every stream, and every group of blocks', () => {
    expect(widthCandidates('ffn', NO_REPORT, QWEN).map(editKey)).toEqual(
      [0, 1, 2, 3, 4].flatMap((block) => [`${block} image ffn`, `${block} text ffn`]),
    );
    expect(widthCandidates('text-all', NO_REPORT, QWEN).map(editKey)).toContain('0-4 text');
    expect(widthCandidates('text-all', NO_REPORT, QWEN)).toHaveLength(10);
    expect(whyNoCandidates('ffn', QWEN)).toBeNull();
  });

  it('is what blocks of both streams allow, and nothing of single-stream blocks, with the reason', () => {
    const { numBlocks } = FLUX;
    const dual = architectureOf(FLUX).blocks.filter(({ stack }) => stack === 'dual').length;
    const ends = widthCandidates('text-all', NO_REPORT, FLUX).map((edit) => (edit.on === 'ffn' ? -1 : edit.last));
    expect(Math.max(...ends)).toBe(dual - 1);
    expect(widthCandidates('ffn', NO_REPORT, FLUX)).toHaveLength(2 * dual);
    expect([whyNoCandidates('text-all', FLUX), whyNoCandidates('ffn', FLUX)]).toEqual([null, null]);
    const single = parseModelConfig(JSON.stringify({ ...FLUX.raw, num_layers: 0 }), 'config.json');
    expect(single.numBlocks).toBe(numBlocks - dual);
    expect(widthCandidates('text-all', NO_REPORT, single)).toEqual([]);
    expect(whyNoCandidates('text-all', single)).toMatch(/one sequence/);
    expect(whyNotAt(FLUX, FLUX.numBlocks - 1, 'ffn')).toMatch(/side by side.*proj_out/);
    expect(whyNotAt(FLUX, FLUX.numBlocks - 1, 'text-stream')).toMatch(/one sequence/);
    const sd3 = parseModelConfig('{"_class_name":"SD3Transformer2DModel"}', 'config.json');
    expect(whyNotAt(sd3, sd3.numBlocks - 1, 'text-stream')).toMatch(/gives no text/);
    expect(whyNotAt(sd3, 1, 'text-stream')).toBeNull();
  });

  it('is ranked by the damage to the output, an overflow last', () => {
    const ranked = rankWidth([measured(group(0, 1), null), measured(group(1, 2), 0.3), measured(group(2, 3), 0.1)]);
    expect(ranked.map(({ edit }) => editKey(edit))).toEqual(['2-3 text', '1-2 text', '0-1 text']);
  });

  it('is chosen as groups that share no block', () => {
    const all = [measured(group(0, 2), 0.1), measured(group(2, 3), 0.2), measured(group(3, 4), 0.3)];
    expect(leastTextGroups(all, 2).map(editKey)).toEqual(['0-2 text', '3-4 text']);
    expect(leastTextGroups(all, 3)).toHaveLength(2);
  });

  it('is chosen as the number of groups that is asked for, where the best one stands in the way of two', () => {
    const all = [measured(group(1, 3), 0.05), measured(group(0, 1), 0.1), measured(group(3, 4), 0.1)];
    expect(leastTextGroups(all, 1).map(editKey)).toEqual(['1-3 text']);
    expect(leastTextGroups(all, 2).map(editKey)).toEqual(['0-1 text', '3-4 text']);
  });

  it('is chosen as whole blocks, all of whose streams count', () => {
    const all = [
      measured(ffnEdit(0, 'image'), 0.1),
      measured(ffnEdit(0, 'text'), 0.5),
      measured(ffnEdit(1, 'image'), 0.2),
      measured(ffnEdit(1, 'text'), 0.2),
    ];
    expect(leastFfns(all, 1).map(editKey)).toEqual(['1 image ffn', '1 text ffn']);
  });
});

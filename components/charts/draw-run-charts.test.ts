import { describe, expect, it } from 'vitest';
import type { Baselines, StandInError } from '@/lib/core/run/index.ts';
import { drawHeldOut, spread } from './draw-held-out.ts';
import { drawLossKey, drawLossSeries, lossKeyHeight, lossScales, seriesOf } from './draw-loss-curve.ts';
import { drawPareto, drawParetoPoint, frontKeys, type ParetoPoint, paretoScales } from './draw-pareto.ts';
import { logDomain, logScale, logTicks, smallText, tickText } from './log-scale.ts';
import { type Mark, markToXml } from './marks.ts';
import { PAPER_PALETTE } from './palette.ts';
import { paretoFront } from './pareto-front.ts';

const IMAGE = { id: 'image', label: 'image' };
const TEXT = { id: 'text', label: 'text' };
const STREAMS = [IMAGE, TEXT];

const xml = (marks: readonly Mark[]): string => marks.map(markToXml).join('');

describe('a log axis', () => {
  it('ends on 1, 2 or 5 around what it shows, zeros and gaps aside', () => {
    expect(logDomain([0.013, null, 0, 0.4])).toEqual([0.01, 0.5]);
    expect(logDomain([0.1])).toEqual([0.05, 0.2]);
    expect(logDomain([null, 0, Number.NaN])).toBeNull();
  });
  it('has as many ticks as there is room for', () => {
    expect(logTicks([0.01, 0.1], 5)).toEqual([0.01, 0.02, 0.05, 0.1].map((n) => expect.closeTo(n, 12)));
    expect(logTicks([1e-6, 1], 5).length).toBeLessThanOrEqual(5);
    expect(logTicks([0.05, 0.2], 5)).toHaveLength(3);
  });
  it('draws equal ratios at equal distances and what is off it at its ends', () => {
    const y = logScale([0.01, 1], 100, 0);
    expect(y(0.1)).toBeCloseTo(50);
    expect(y(1e-9)).toBeCloseTo(100);
  });
  it('writes small numbers short, with a true minus', () => {
    expect(tickText(0.002)).toBe('0.002');
    expect(tickText(0.00002)).toBe('2e−5');
    expect(smallText(0.012345)).toBe('0.0123');
    expect([smallText(null), smallText(undefined), smallText(0)]).toEqual(['n/a', '…', '0']);
  });
});

describe('loss curves', () => {
  const point = (step: number, image: number) => ({
    step,
    losses: { image },
    gradientNorm: 1,
    learningRate: 1,
    durationMs: 1,
  });

  it('have no line for a stream that is never updated', () => {
    const series = seriesOf([point(1, 0.5), point(2, 0.4)], STREAMS, (values) => values);
    expect(series.map(({ name }) => name)).toEqual(['image']);
    const tuned = seriesOf([point(1, 0.5)], STREAMS, (values) => values, 'output');
    expect(tuned.map(({ name }) => name)).toEqual(['output']);
  });

  it('are one per stream that the model declares, in that order', () => {
    const three = [{ id: 'b', label: 'body' }, { id: 'a', label: 'audio' }, IMAGE];
    const losses = [{ ...point(1, 0.5), losses: { image: 0.5, a: 0.25, b: 0.125 } }];
    const series = seriesOf(losses, three, (values) => values);
    expect(series.map(({ name, raw }) => [name, raw[0]])).toEqual([
      ['body', 0.125],
      ['audio', 0.25],
      ['image', 0.5],
    ]);
    expect(new Set(series.map(({ dash }) => dash)).size).toBe(3);
  });

  it('have their key above the plot, wrapped and shortened where it does not fit', () => {
    const scales = lossScales({ steps: 10, domain: [0.1, 1] }, 260);
    const named = (name: string) => ({ ...seriesOf([point(1, 0.5)], STREAMS, (values) => values)[0]!, name });
    expect(lossKeyHeight([], scales)).toBe(16);
    expect(lossKeyHeight([named('image'), named('text')], scales)).toBe(16);
    const long = [
      named('image'),
      named('text'),
      named('a run with a name that is longer than the whole chart is wide'),
    ];
    expect(lossKeyHeight(long, scales)).toBe(32);
    const marks = drawLossKey(long, scales, PAPER_PALETTE);
    for (const { attributes } of marks) expect(Number(attributes.y ?? attributes.y1)).toBeLessThan(32);
    expect(String(marks.at(-1)?.children[0])).toMatch(/^a run .*…$/);
  });

  it('keep the least and the greatest of steps that share a pixel, and few points of very many steps', () => {
    const points = Array.from({ length: 50_000 }, (_, i) => point(i + 1, i % 2 === 0 ? 0.1 : 1));
    const series = seriesOf(points, STREAMS, (values) => values);
    const scales = lossScales({ steps: 50_000, domain: [0.1, 1] }, 400);
    const [raw] = drawLossSeries({ steps: 50_000, series, domain: [0.1, 1] }, scales, PAPER_PALETTE);
    const path = String(raw?.attributes.d);
    expect(path).toContain(String(scales.y(0.1)));
    expect(path).toContain(String(scales.y(1)));
    expect(path.length).toBeLessThan(40_000);
  });
});

const error = (direction: number, text: number | null = null): StandInError => ({
  image: { direction, magnitude: direction, relative: direction },
  text: text === null ? null : { direction: text, magnitude: text, relative: text },
});
const baselines: Baselines = { firstBlock: error(0.3), probes: error(0.1), removal: error(0.9) };

describe('held-out errors', () => {
  const data = { steps: 100, baselines, points: [{ step: 0, student: error(0.3) }], firstBlock: 3 } as const;

  it('name every line with its value', () => {
    const drawn = xml(drawHeldOut({ ...data, metric: 'direction', stream: IMAGE }, 240, PAPER_PALETTE));
    for (const words of ['block 3', 'probes', 'removed', 'student', '0.3', '0.1', '0.9'])
      expect(drawn).toContain(words);
  });
  it('say n/a for a stream that is not updated, and that nothing was measured before', () => {
    expect(xml(drawHeldOut({ ...data, metric: 'direction', stream: TEXT }, 240, PAPER_PALETTE))).toContain('n/a');
    const nothing = { ...data, baselines: null, points: [] };
    expect(xml(drawHeldOut({ ...nothing, metric: 'direction', stream: IMAGE }, 240, PAPER_PALETTE))).toContain(
      'not measured yet',
    );
  });
  it('keep labels apart, in order and inside', () => {
    const placed = spread([10, 11, 12, 80], 12, 6, 85);
    for (let i = 1; i < placed.length; i++) expect(placed[i]! - placed[i - 1]!).toBeGreaterThanOrEqual(12);
    expect(Math.max(...spread([84, 84, 84], 12, 6, 85))).toBeLessThanOrEqual(85);
  });
});

describe('the Pareto chart', () => {
  const at = (key: string, cost: number, value: number): ParetoPoint => ({
    key,
    kind: 'subset',
    cost,
    value,
    bounds: null,
  });

  it('finds who is beaten by nobody', () => {
    const points = [
      { cost: 3, quality: 0.9 },
      { cost: 2, quality: 0.9 },
      { cost: 1, quality: 0.5 },
      { cost: 2, quality: 0.7 },
    ];
    expect(paretoFront(points)).toEqual([points[2], points[1]]);
  });
  it('takes less error as better, and puts no error at the top', () => {
    const data = {
      points: [at('a', 1, 0.2), at('b', 1, 0.1), at('', 2, 0)],
      quality: 'error',
      whole: 2,
      least: 1,
    } as const;
    expect([...frontKeys(data)].sort()).toEqual(['', 'b']);
    const scales = paretoScales(data, 400);
    expect(scales.y(0)).toBeLessThan(scales.y(0.1));
    expect(scales.y(0.1)).toBeLessThan(scales.y(0.2));
    expect(xml(drawPareto(data, scales, PAPER_PALETTE))).toContain('output error');
  });
  it('draws a whisker over the interval of a value, inside the frame, and none where there is no interval', () => {
    for (const quality of ['facts', 'error'] as const) {
      const sure = { ...at('a', 1, 0.5), bounds: { low: 0.3, high: 0.95 } };
      const scales = paretoScales({ points: [sure], quality, whole: 2, least: 1 }, 400);
      const lines = drawParetoPoint(sure, false, true, scales, PAPER_PALETTE).filter(({ tag }) => tag === 'line');
      const ends = lines.flatMap(({ attributes: { y1, y2 } }) => [Number(y1), Number(y2)]);
      expect(new Set(ends)).toEqual(new Set([scales.y(0.3), scales.y(0.95)]));
      expect(Math.min(...ends)).toBeGreaterThanOrEqual(scales.top);
      expect(Math.max(...ends)).toBeLessThanOrEqual(scales.bottom);
      expect(drawParetoPoint(at('b', 1, 0.5), false, true, scales, PAPER_PALETTE)).toHaveLength(1);
    }
  });
  it('holds the teacher and the smallest student model within its frame', () => {
    const scales = paretoScales({ points: [], quality: 'facts', whole: 5e6, least: 3e6 }, 400);
    expect(scales.x(5e6)).toBeLessThan(scales.right);
    expect(scales.x(3e6)).toBeGreaterThan(scales.left);
  });
  it('draws the limit of a budget, and plans as small dots that beat nothing that was measured', () => {
    const planned = { ...at('p', 1, 0.1), kind: 'planned', bounds: { low: 0.05, high: 0.2 } } as const;
    const points = [at('a', 1, 0.2), planned, at('', 2, 0)];
    const axis = { label: 'time', text: (cost: number) => `${cost} s` };
    const data = { points, quality: 'error', whole: 2, least: 1, axis, limit: 1.5 } as const;
    expect([...frontKeys(data)].sort()).toEqual(['', 'a']);
    expect([...frontKeys({ ...data, quality: 'predicted' })].sort()).toEqual(['', 'p']);
    const scales = paretoScales(data, 400);
    const drawn = xml(drawPareto(data, scales, PAPER_PALETTE));
    expect(drawn).toContain('← time');
    expect(drawn).toContain(`x1="${Math.round(scales.x(1.5) * 1000) / 1000}"`);
    const [dot, ...others] = drawParetoPoint(planned, false, false, scales, PAPER_PALETTE);
    expect(others).toEqual([]);
    expect(dot?.attributes.r).toBe(2.5);
  });
});

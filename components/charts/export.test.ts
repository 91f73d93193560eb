import { describe, expect, it } from 'vitest';
import type { CalibrationFacts } from '@/lib/core/report/report.ts';
import type { NarrowerFigureRows } from './draw-narrower-rows.ts';
import { figureName, heatmapSvg, layerStripSvg, trajectoriesSvg } from './export-figures.ts';
import { heatmapCsv, layerStripCsv, trajectoriesCsv } from './export-tables.ts';
import type { FigureFacts, TrajectoryCurves } from './types.ts';

const calibration: CalibrationFacts = {
  kind: 'synthetic',
  label: 'SYNTHETIC inputs, seed 7',
  seed: 7,
  file: null,
  samples: 8,
  timesteps: [0.25, 0.75],
  tokens: { image: 4096, text: 702 },
  fitTokens: { image: 3072, text: 530 },
  heldOutTokens: { image: 1024, text: 172 },
};
const facts: FigureFacts = {
  model: 'tiny <&> model',
  calibration,
  tokens: calibration.tokens,
  estimator: 'debiased',
  settings: ['surrogate: block u, then probes'],
};
const matrix = [
  [1, 0.5, null],
  [0.5, 1, -0.012345678901],
  [null, -0.012345678901, 1],
];
const selection = [{ first: 1, last: 2 }];
const detected = [{ first: 0, last: 1 }];
const streams = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
];
const strip = {
  numBlocks: 3,
  streams,
  selection,
  detected,
  probeR2: { image: [0.5, 0.75, 1], text: [0.25, undefined, null] },
};
const narrower: NarrowerFigureRows = {
  groups: {
    stream: streams[1]!,
    chosen: [{ first: 1, last: 2 }],
    proposed: [{ first: 0, last: 1 }],
    isImpossible: (block) => block === 0,
  },
  ffns: [
    { stream: streams[0]!, chosen: new Set([2, 0]), isImpossible: () => false },
    { stream: streams[1]!, chosen: new Set(), isImpossible: (block) => block === 2 },
  ],
  modulations: [{ blocks: [0, 1, 2], words: 'rank 4' }],
};
const three = <T>(value: T) => ({ mean: value, image: value, text: value });
const curves: TrajectoryCurves = {
  cka: three([
    [1, 0.9, 0.5],
    [null, 1, 0.8],
    [null, null, 1],
  ]),
  differences: three([
    [null, 0.125, 0.375],
    [null, null, 0.25],
    [null, null, null],
  ]),
  streams,
  stream: 'image',
};

/** Opening and closing tags pair up and no theme variable is left: the file stands alone. */
function expectStandalone(svg: string): void {
  expect(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"')).toBe(true);
  expect(svg).not.toContain('var(');
  expect(svg).not.toContain('NaN');
  expect(svg).not.toContain('undefined');
  const open: string[] = [];
  for (const [, closing, name, empty] of svg.matchAll(/<(\/?)([a-zA-Z]+)[^>]*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!empty && name) open.push(name);
  }
  expect(open).toEqual([]);
  const ids = [...svg.matchAll(/url\(#([^)]+)\)/g)].map(([, id]) => id);
  for (const id of ids) expect(svg).toContain(`id="${id}"`);
}
/** The text of a figure, with the caption's line breaks undone. */
const wordsOf = (svg: string): string => svg.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

describe('an exported figure', () => {
  it('of unequal blocks says what the lines under the cells mean, and its table what each block has', () => {
    const unequal = {
      ...strip,
      traits: [
        { id: 'dual', label: 'dual attention', about: '' },
        { id: 'silent', label: 'no text output', about: '' },
      ],
      blocks: [['dual'], ['dual'], ['silent']].map((traits) => ({ updates: ['image', 'text'], traits })),
    };
    expect(
      layerStripSvg(unequal, facts)
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' '),
    ).toContain(
      'Under the cells, two lines: dual attention (blocks 0–1); a line that ends in a bar: no text output (block 2).',
    );
    const rows = layerStripCsv(unequal).trim().split('\r\n');
    expect(rows[0]).toBe('block,traits,probe_r2_image,probe_r2_text,detected_interval,chosen_interval');
    expect(rows[3]).toBe('2,no text output,1,,,1-2');
  });
  const trajectories = { numBlocks: 3, start: 0, selection, detected, curves };
  const figures = {
    strip: layerStripSvg(strip, facts),
    heatmap: heatmapSvg({ stream: { id: 'text', label: 'text' }, matrix, domain: [0, 1], selection, detected }, facts),
    trajectories: trajectoriesSvg(trajectories, facts),
  };
  it.each(Object.entries(figures))('%s stands alone and says model, calibration and settings', (_, svg) => {
    expectStandalone(svg);
    const words = wordsOf(svg);
    expect(words).toContain('tiny &lt;&amp;&gt; model');
    expect(words).toContain('SYNTHETIC inputs, seed 7');
    expect(words).toContain('surrogate: block u, then probes');
    expect(words).toContain('Detected: 0–1. Chosen: 1–2.');
  });
  it('says estimator and n of the stream it shows', () => {
    expect(wordsOf(figures.heatmap)).toContain('debiased estimator. n = 702 text tokens.');
    expect(wordsOf(figures.trajectories)).toContain('n = 4,096 image tokens, 702 text tokens.');
    expect(wordsOf(figures.strip)).toContain('1,024 image and 172 text tokens held out');
  });
  it('draws one cell per value that exists', () => {
    expect(figures.heatmap.split('shape-rendering')[1]?.split('</g>')[0]?.match(/<rect/g)).toHaveLength(7);
  });
  it('of an analysis without probes leaves the probe rows out', () => {
    const bare = layerStripSvg({ ...strip, probeR2: null }, facts);
    expectStandalone(bare);
    expect(wordsOf(bare)).not.toContain('R²');
  });
  it('of narrower blocks has rows of text groups, feed-forward layers and shared modulation', () => {
    const svg = layerStripSvg({ ...strip, narrower }, facts);
    expectStandalone(svg);
    const words = wordsOf(svg);
    expect(words).toContain(
      'Row “groups”: text groups, as above; hatched: blocks that cannot be in one. Proposed: 0–1. Chosen: 1–2.',
    );
    expect(words).toContain(
      'Rows “FFN”: filled where one linear map replaces the layers, thin where none can: image 0, 2.',
    );
    expect(words).toContain('Row “mod.”: shared modulation, rank 4.');
    // The labels of the rows, and of the bar.
    for (const label of ['groups', 'FFN', 'mod.', 'rank 4']) expect(svg).toContain(`>${label}</text>`);
    expect(svg.match(/>FFN<\/text>/g)).toHaveLength(2);
    const chosen = (of: string) => of.match(/<rect[^>]*fill="#b9480a"/g)?.length ?? 0;
    // One text group, two maps and one bar over all blocks.
    expect(chosen(svg) - chosen(figures.strip)).toBe(4);
    const height = (of: string) => Number(/height="(\d+)"/.exec(of)?.[1]);
    expect(height(svg)).toBeGreaterThan(height(figures.strip) + 44 + 3 * 19);
  });
  it('of a model whose blocks each have their own modulation has no row for it', () => {
    const svg = layerStripSvg({ ...strip, probeR2: null, narrower: { ...narrower, modulations: [] } }, facts);
    expectStandalone(svg);
    expect(svg).not.toContain('mod.');
  });
  it('draws the modulation of some blocks as a bar over each run of them, none across a seam', () => {
    const stacks = [
      { label: 'double', first: 0, last: 1 },
      { label: 'single', first: 2, last: 2 },
    ];
    const bars = (blocks: readonly number[], of: Partial<typeof strip> & { stacks?: typeof stacks }) =>
      layerStripSvg(
        { ...strip, ...of, narrower: { ...narrower, modulations: [{ blocks, words: 'rank 4' }] } },
        facts,
      ).match(/<rect[^>]*height="14" rx="3" fill="#b9480a"/g)?.length;
    // Two are of feed-forward layers.
    expect(bars([0, 2], {})).toBe(2 + 2);
    expect(bars([0, 1, 2], {})).toBe(2 + 1);
    expect(bars([0, 1, 2], { stacks })).toBe(2 + 2);
  });
  it('names its break', () => {
    expect(wordsOf(figures.trajectories)).toContain('Break after block 1.');
  });
});

describe('a table', () => {
  it('of the strip holds a row per block, n/a and pending left empty', () => {
    expect(layerStripCsv(strip)).toBe(
      'block,probe_r2_image,probe_r2_text,detected_interval,chosen_interval\r\n' +
        '0,0.5,0.25,0-1,\r\n1,0.75,,0-1,1-2\r\n2,1,,,1-2\r\n',
    );
  });
  it('of the strip says of every block what makes it narrower', () => {
    const rows = layerStripCsv({ ...strip, narrower })
      .trim()
      .split('\r\n');
    expect(rows[0]).toMatch(
      /chosen_interval,proposed_text_group,chosen_text_group,linear_ffn_image,linear_ffn_text,modulation$/,
    );
    expect(rows[1]).toBe('0,0.5,0.25,0-1,,0-1,,yes,,rank 4');
    expect(rows[3]).toBe('2,1,,,1-2,,1-2,yes,,rank 4');
  });
  it('of a heatmap keeps full precision', () => {
    const rows = heatmapCsv(matrix).trimEnd().split('\r\n');
    expect(rows).toHaveLength(10);
    expect(rows[3]).toBe('0,2,');
    expect(rows[6]).toBe('1,2,-0.012345678901');
  });
  it('of trajectories holds every start with its later blocks', () => {
    const rows = trajectoriesCsv(curves).trimEnd().split('\r\n');
    expect(rows).toHaveLength(1 + 3 + 2 + 1);
    expect(rows[2]).toBe('0,1,0.9,0.125,0.9,0.125,0.9,0.125');
    expect(rows[4]).toBe('1,1,1,,1,,1,');
  });
});

describe('a file name', () => {
  it('is safe on every file system', () => {
    expect(figureName('Qwen/Qwen-Image (2512)', ['cka', 'image', 'debiased'], 'svg')).toBe(
      'contigua-qwen-qwen-image-2512-cka-image-debiased.svg',
    );
  });
});

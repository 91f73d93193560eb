/**
 * Colours by meaning. On the page they are the theme's CSS variables (with light fallbacks); on paper they are fixed,
 * dark enough for print on white. Streams differ by shape and dash as well, never by colour alone.
 */
import { cividis, RAMP_STEPS, viridis } from './colour-ramps.ts';
import type { ColourMap } from './types.ts';

export interface ChartPalette {
  readonly background: string;
  readonly panel: string;
  readonly text: string;
  readonly muted: string;
  readonly faint: string;
  readonly line: string;
  readonly accent: string;
  readonly accentSoft: string;
  readonly detected: string;
  /** Of streams in the order in which the model declares them; with the dashes and symbols of `streamLook`. */
  readonly streams: readonly string[];
  /** Of runs over each other; with the dashes of RUN_DASHES. */
  readonly runs: readonly string[];
}

export const PAGE_PALETTE: ChartPalette = {
  background: 'var(--panel, #ffffff)',
  panel: 'var(--panel-2, #f4f5f7)',
  text: 'var(--text, #16181d)',
  muted: 'var(--muted, #5b616e)',
  faint: 'var(--faint, #9aa1ad)',
  line: 'var(--line, #e2e5ea)',
  accent: 'var(--accent, #b9480a)',
  accentSoft: 'var(--accent-soft, #fbe6d8)',
  detected: 'var(--detected, #5b616e)',
  streams: [
    'var(--stream-1, #2360c8)',
    'var(--stream-2, #0a7a70)',
    'var(--stream-3, #8a3fb5)',
    'var(--stream-4, #8a5a00)',
  ],
  runs: ['var(--run-1)', 'var(--run-2)', 'var(--run-3)', 'var(--run-4)', 'var(--run-5)', 'var(--run-6)'],
};

export const PAPER_PALETTE: ChartPalette = {
  background: '#ffffff',
  panel: '#f1f2f4',
  text: '#111111',
  muted: '#444a54',
  faint: '#a9aeb8',
  line: '#d9dce1',
  accent: '#b9480a',
  accentSoft: '#fbe6d8',
  detected: '#444a54',
  streams: ['#2360c8', '#0a7a70', '#8a3fb5', '#8a5a00'],
  runs: ['#2360c8', '#0a7a70', '#8a3fb5', '#8a5a00', '#b8195a', '#5a5c66'],
};

export const RUN_DASHES: readonly (string | undefined)[] = [undefined, '7 3', '2 3', '9 3 2 3', '4 2', '1.5 2'];

export type StreamSymbol = 'circle' | 'square' | 'diamond' | 'triangle';

export interface StreamLook {
  readonly colour: (palette: ChartPalette) => string;
  /** SVG dash pattern of its trajectory, beside the mean's solid line. */
  readonly dash: string | undefined;
  /** Of its loss, where there is no mean: undefined is a solid line. */
  readonly lossDash: string | undefined;
  readonly symbol: StreamSymbol;
}

const SHAPES: readonly Omit<StreamLook, 'colour'>[] = [
  { symbol: 'circle', dash: '5 3', lossDash: undefined },
  { symbol: 'square', dash: '1.5 3', lossDash: '5 2.5' },
  { symbol: 'diamond', dash: '8 3 2 3', lossDash: '1.5 2.5' },
  { symbol: 'triangle', dash: '3 2', lossDash: '8 2 2 2' },
];
const LOOKS: readonly StreamLook[] = SHAPES.map((shape, index) => ({
  ...shape,
  colour: (palette) => palette.streams[index] ?? palette.text,
}));

/** The look of the stream that a model declares at this place; a fifth one has the first one's again. */
export const streamLook = (index: number): StreamLook => LOOKS[index % LOOKS.length]!;

const COLOUR_OF_STEP = { viridis, cividis } satisfies Record<ColourMap, (step: number) => string>;
const ramps = new Map<ColourMap, readonly string[]>();

/** 256 CSS colours from low to high: a look-up is what lets a matrix repaint within a frame. */
export function colourRamp(map: ColourMap): readonly string[] {
  let ramp = ramps.get(map);
  if (!ramp) {
    ramp = Array.from({ length: RAMP_STEPS }, (_, step) => COLOUR_OF_STEP[map](step));
    ramps.set(map, ramp);
  }
  return ramp;
}

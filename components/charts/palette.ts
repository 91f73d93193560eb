/**
 * Colours by meaning. On the page they are the theme's CSS variables (with light fallbacks); on paper they are fixed,
 * dark enough for print on white. Streams differ by shape and dash as well, never by colour alone.
 */
import { interpolateCividis, interpolateViridis } from 'd3';
import type { ColourMap, TrajectoryStream } from './types.ts';

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
  readonly image: string;
  readonly textStream: string;
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
  image: 'var(--image, #2360c8)',
  textStream: 'var(--text-stream, #0a7a70)',
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
  image: '#2360c8',
  textStream: '#0a7a70',
  runs: ['#2360c8', '#0a7a70', '#8a3fb5', '#8a5a00', '#b8195a', '#5a5c66'],
};

export const RUN_DASHES: readonly (string | undefined)[] = [undefined, '7 3', '2 3', '9 3 2 3', '4 2', '1.5 2'];

export interface StreamLook {
  readonly name: string;
  readonly colour: (palette: ChartPalette) => string;
  /** SVG dash pattern; undefined is a solid line. */
  readonly dash: string | undefined;
}
export const STREAM_LOOKS: Readonly<Record<TrajectoryStream, StreamLook>> = {
  mean: { name: 'mean', colour: (palette) => palette.text, dash: undefined },
  image: { name: 'image', colour: (palette) => palette.image, dash: '5 3' },
  text: { name: 'text', colour: (palette) => palette.textStream, dash: '1.5 3' },
};

const INTERPOLATORS = { viridis: interpolateViridis, cividis: interpolateCividis } satisfies Record<
  ColourMap,
  (share: number) => string
>;
const RAMP_STEPS = 256;
const ramps = new Map<ColourMap, readonly string[]>();

/** 256 CSS colours from low to high: a look-up is what lets a matrix repaint within a frame. */
export function colourRamp(map: ColourMap): readonly string[] {
  let ramp = ramps.get(map);
  if (!ramp) {
    ramp = Array.from({ length: RAMP_STEPS }, (_, step) => INTERPOLATORS[map](step / (RAMP_STEPS - 1)));
    ramps.set(map, ramp);
  }
  return ramp;
}

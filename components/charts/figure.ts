/**
 * A chart as a standalone SVG, fit for a paper: white ground, title above, and below it a caption that says which model,
 * which calibration, how many samples and which estimator the numbers come from. Pure: marks in, text out.
 */
import type { StreamSpec } from '@/lib/core/model/architecture.ts';
import type { CalibrationFacts, CkaEstimator } from '@/lib/core/report/report.ts';
import { type Mark, mark, markToXml } from './marks.ts';
import { countText } from './number-text.ts';
import { PAPER_PALETTE } from './palette.ts';

export interface Figure {
  readonly title: string;
  readonly width: number;
  /** Height of the body alone. */
  readonly height: number;
  readonly body: readonly Mark[];
  /** Sentences, wrapped to the width. */
  readonly caption: readonly string[];
}

const FONT = 'Inter, Helvetica, Arial, sans-serif';
const MARGIN = 16;
const TITLE_HEIGHT = 34;
const CAPTION_LINE = 15;
const CAPTION_SIZE = 11;
/** Mean width of a caption character, as a share of the font size; generous, so that no line runs out. */
const CHARACTER_WIDTH = 0.54;

export function figureSvg({ title, width, height, body, caption }: Figure): string {
  const lines = caption.flatMap((sentence) => wrap(sentence, Math.floor(width / (CAPTION_SIZE * CHARACTER_WIDTH))));
  const fullWidth = width + 2 * MARGIN;
  const captionTop = TITLE_HEIGHT + height + 22;
  const fullHeight = captionTop + lines.length * CAPTION_LINE + 4;
  const text = { 'font-family': FONT, x: MARGIN };
  const marks = [
    mark('rect', { width: fullWidth, height: fullHeight, fill: PAPER_PALETTE.background }),
    mark('text', { ...text, y: 22, 'font-size': 14, 'font-weight': 600, fill: PAPER_PALETTE.text }, title),
    mark('g', { transform: `translate(${MARGIN} ${TITLE_HEIGHT})`, 'font-family': FONT }, ...body),
    ...lines.map((line, index) => {
      const y = captionTop + index * CAPTION_LINE;
      return mark('text', { ...text, y, 'font-size': CAPTION_SIZE, fill: PAPER_PALETTE.muted }, line);
    }),
  ];
  const size = `width="${fullWidth}" height="${fullHeight}" viewBox="0 0 ${fullWidth} ${fullHeight}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size}>${marks.map(markToXml).join('')}</svg>\n`;
}

function wrap(sentence: string, longest: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of sentence.split(' ')) {
    if (line && line.length + 1 + word.length > longest) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  if (line) lines.push(line);
  return lines;
}

/** Where the numbers come from, in the words of the report. */
export function calibrationSentence({ label }: CalibrationFacts): string {
  return `Calibration: ${label}.`;
}

export function samplesSentence(tokens: CalibrationFacts['tokens'], streams: readonly StreamSpec[]): string {
  return `n = ${streams.map(({ id, label }) => `${countText(tokens[id] ?? 0)} ${label} tokens`).join(', ')}.`;
}

export const estimatorSentence = (estimator: CkaEstimator): string =>
  estimator === 'debiased' ? 'Linear CKA, debiased estimator.' : 'Linear CKA, biased estimator.';

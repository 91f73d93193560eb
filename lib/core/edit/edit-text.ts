/**
 * A choice of edits as text for addresses and the command line, parts joined by dots: `3-4.7-9p.t13-14.f2-image.m8`.
 *
 *   3-4, 7-9p   a run; without a letter it is replaced by the default, which the address names apart from it; the letters are
 *               r (removed), p (probes), l (linear) and s (student)
 *   t13-14      a text group
 *   f2-image    the feed-forward layers of a stream in a block
 *   m8          modulations of all blocks at rank 8; `m8*0-5_7` those of blocks 0 to 5 and 7
 *   x1000_500   modulations of all blocks as a table over timesteps, blocks as above; 0.25 is `25e-2`, since a dot parts edits
 *
 * URLs leave all of these characters as they are.
 */
import { ContiguaError } from '../errors.ts';
import { type Depth, formatIntervalKey, parseIntervalKey } from '../interval/index.ts';
import { formatBlocks, parseBlocks } from './blocks-text.ts';
import {
  type Edit,
  type EditSet,
  ffnEdit,
  type ModulationEdit,
  modulationEdit,
  type RunEdit,
  type RunReplacement,
  type RunSet,
  runEdit,
  textStreamEdit,
} from './edit.ts';
import { type EditableModel, editSetOf, onlyRuns, runSetOf } from './edit-set.ts';

const LETTERS: Readonly<Record<RunReplacement, string>> = {
  nothing: 'r',
  probes: 'p',
  linear: 'l',
  student: 's',
};
const REPLACEMENTS: ReadonlyMap<string, RunReplacement> = new Map([
  ['r', 'nothing'],
  ['p', 'probes'],
  ['l', 'linear'],
  ['s', 'student'],
]);
const EXPECTED = 'first-last, then r (removed), p (probes), l (linear), s (student) or no letter, as in 3-4.7-9p';
const EXPECTED_WIDTH =
  'a text group (t13-14), feed-forward layers (f2-image), or modulations (m8, m8*0-5_7, x1000_500)';

/** Timesteps in one table, and blocks of one edit. */
const MOST = 100_000;

export function formatEditParam(edits: EditSet, byDefault: RunReplacement): string {
  return edits.map((edit) => formatPart(edit, byDefault)).join('.');
}

function formatPart(edit: Edit, byDefault: RunReplacement): string {
  switch (edit.on) {
    case 'run':
      return `${formatIntervalKey(edit)}${edit.by === byDefault ? '' : LETTERS[edit.by]}`;
    case 'text-stream':
      return `t${formatIntervalKey(edit)}`;
    case 'ffn':
      return `f${edit.block}-${edit.stream}`;
    case 'modulation': {
      const { by, blocks } = edit;
      const way = 'rank' in by ? `m${by.rank}` : `x${by.table.map(withoutDot).join('_')}`;
      return blocks === 'all' ? way : `${way}*${formatBlocks(blocks, '_')}`;
    }
    default:
      return edit satisfies never;
  }
}

/** Throws `plan-invalid`, naming `where`. */
export function parseEditParam(text: string, byDefault: RunReplacement, model: EditableModel, where: string): EditSet {
  return editSetOf(parseParts(text, byDefault, where), model, where);
}

/** For what takes runs alone; other edits are refused by name. Throws `plan-invalid`, naming `where`. */
export function parseRunParam(text: string, byDefault: RunReplacement, depth: Depth, where: string): RunSet {
  return runSetOf(onlyRuns(parseParts(text, byDefault, where), 'This choice', where), depth, where);
}

function parseParts(text: string, byDefault: RunReplacement, where: string): Edit[] {
  return (text === '' ? [] : text.split('.')).map((part) =>
    /^[tfmx]/.test(part) ? parseWidthPart(part, where) : parseRunPart(part, byDefault, where),
  );
}

function parseRunPart(part: string, byDefault: RunReplacement, where: string): RunEdit {
  const by = REPLACEMENTS.get(part.slice(-1));
  const interval = parseIntervalKey(by === undefined ? part : part.slice(0, -1), EXPECTED, where);
  return runEdit(interval, by ?? byDefault);
}

function parseWidthPart(part: string, where: string): Edit {
  const rest = part.slice(1);
  if (part.startsWith('t')) return textStreamEdit(parseIntervalKey(rest, EXPECTED_WIDTH, where));
  const edit = part.startsWith('f') ? parseFfn(rest) : parseModulation(part);
  if (edit) return edit;
  throw new ContiguaError('plan-invalid', 'An edit is not readable', {
    file: where,
    found: part,
    expected: EXPECTED_WIDTH,
  });
}

function parseFfn(text: string): Edit | null {
  const [, block, stream] = /^(\d{1,6})-([A-Za-z][\w-]{0,63})$/.exec(text) ?? [];
  return block === undefined || stream === undefined ? null : ffnEdit(Number(block), stream);
}

function parseModulation(part: string): Edit | null {
  const [way = '', blocksText, more] = part.split('*');
  if (more !== undefined) return null;
  const blocks = blocksText === undefined ? 'all' : parseBlocks(blocksText, '_', MOST);
  const by = part.startsWith('m') ? parseRank(way.slice(1)) : parseTable(way.slice(1));
  return by && blocks ? modulationEdit(by, blocks) : null;
}

function parseRank(text: string): ModulationEdit['by'] | null {
  return /^\d{1,6}$/.test(text) ? { rank: Number(text) } : null;
}

function parseTable(text: string): ModulationEdit['by'] | null {
  const parts = text.split('_');
  if (parts.length > MOST || !parts.every((part) => /^-?\d{1,20}(e-?\d{1,3})?$/.test(part))) return null;
  return { table: parts.map(Number) };
}

/** The same number as whole digits and an exponent: 0.25 is `25e-2`. */
function withoutDot(value: number): string {
  const [digits = '', exponent = '0'] = String(value).split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  if (fraction === '' && exponent === '0') return whole;
  const mantissa = `${whole}${fraction}`.replace(/^(-?)0+(?=\d)/, '$1');
  return `${mantissa}e${Number(exponent) - fraction.length}`;
}

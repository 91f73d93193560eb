/** Measured choices as this browser keeps them: the choice as an address has it, and what was measured of it. Pure. */
import { formatEditParam, parseEditParam } from '@/lib/core/edit/index.ts';
import type { ModelSummary } from '@/lib/core/folder/model-summary.ts';
import { isRecord } from '@/lib/core/is-record.ts';
import { editableFrom } from '@/lib/core/model/config-index.ts';
import { pageEdits } from './edits.ts';
import type { MadeOf } from './made-of.ts';
import { type MeasuredChoice, MOST_CHOICES } from './measured-choice.ts';

/** Changes whenever an earlier measurement would mean something else. */
const VERSION = 1;

export interface ChoiceRecord {
  readonly key: string;
  readonly fingerprint: string;
  readonly savedAtMs: number;
  readonly version: number;
  readonly of: MadeOf;
  /** Edits of every kind, as in an address; empty for the whole model. */
  readonly edits: string;
  readonly damage: MeasuredChoice['damage'];
  readonly facts: MeasuredChoice['facts'];
}

export function choiceRecord({ of, edits, damage, facts }: MeasuredChoice, savedAtMs: number): ChoiceRecord {
  const key = JSON.stringify(Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = formatEditParam(edits, 'nothing');
  // An overflow is of the engine, and another one may measure it.
  const kept = damage?.outputError === null ? null : damage;
  return { key, fingerprint: of.model ?? '', savedAtMs, version: VERSION, of, edits: text, damage: kept, facts };
}

/** Two tabs may each have measured a part. */
export function mergedRecord(before: ChoiceRecord | undefined, added: ChoiceRecord): ChoiceRecord {
  if (!before || before.version !== added.version) return added;
  const facts = before.facts.pictures > added.facts.pictures ? before.facts : added.facts;
  return { ...added, damage: added.damage ?? before.damage, facts };
}

/** Null for what another version wrote, or what is not a measurement of this model. */
export function choiceFrom(record: unknown, summary: ModelSummary): MeasuredChoice | null {
  if (!isChoiceRecord(record) || record.of.model !== summary.fingerprint) return null;
  const { of, damage, facts } = record;
  try {
    const edits = parseEditParam(record.edits, 'nothing', editableFrom(summary.narrower, summary), 'kept choice');
    return { of, edits: pageEdits(edits), damage, facts };
  } catch {
    // The model cannot have such edits in this version.
    return null;
  }
}

/** Those that make room for `added`. */
export function beyondKept(records: readonly ChoiceRecord[], added: ChoiceRecord): readonly ChoiceRecord[] {
  const others = records.filter(({ key }) => key !== added.key).toSorted((a, b) => b.savedAtMs - a.savedAtMs);
  return others.slice(MOST_CHOICES - 1);
}

function isChoiceRecord(record: unknown): record is ChoiceRecord {
  if (!isRecord(record) || record.version !== VERSION || typeof record.edits !== 'string') return false;
  const { of, damage, facts } = record;
  return (
    isRecord(of) &&
    Object.values(of).every((text) => typeof text === 'string') &&
    (damage === null || isDamage(damage)) &&
    isRecord(facts) &&
    [facts.held, facts.total, facts.pictures].every((count) => Number.isSafeInteger(count))
  );
}

const isShare = (value: unknown): boolean => value === null || (typeof value === 'number' && Number.isFinite(value));

function isDamage(damage: unknown): boolean {
  if (!isRecord(damage)) return false;
  const { outputError, bounds, bands } = damage;
  return (
    isShare(outputError) &&
    (bounds === null || (isRecord(bounds) && isShare(bounds.low) && isShare(bounds.high))) &&
    Array.isArray(bands) &&
    bands.every(isShare)
  );
}

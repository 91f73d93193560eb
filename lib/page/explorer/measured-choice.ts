/** What is known of a whole choice of edits. */
import type { Tasks } from '@/lib/compute/protocol.ts';
import type { PageEdit } from './edits.ts';
import type { MadeOf } from './made-of.ts';

export type ChoiceDamage = Tasks['choice']['result'];
export type FactCount = Tasks['facts']['result'];

export interface MeasuredChoice {
  readonly of: MadeOf;
  /** None for the whole model. */
  readonly edits: readonly PageEdit[];
  /** Null until it has been measured. */
  readonly damage: ChoiceDamage | null;
  /** Of the pictures that have been drawn so far. */
  readonly facts: FactCount;
}

/** Of one model: beyond any number that a person tries. The oldest go first. */
export const MOST_CHOICES = 200;

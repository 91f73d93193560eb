/** A trained model before it leaves: its teacher, the students in their places, and how it is to be written. */
import type { Checkpoint, NamedBlob } from '../checkpoint/index.ts';
import type { BlockInterval } from '../interval/index.ts';
import type { ModelConfig } from '../model/config-index.ts';
import type { PlannedWidthEdit, RunPlan } from '../plan/index.ts';
import type { ExportedRun } from './metrics.ts';

/** The whole model that students were distilled from; `openTeacher` makes one of a folder's files. */
export interface Teacher {
  readonly name: string;
  readonly config: ModelConfig;
  /** Under diffusers' names, however the files are laid out. */
  readonly checkpoint: Checkpoint;
  /** Path of the transformer's folder below the model's root: `transformer`, or empty where the model is one folder. */
  readonly folder: string;
  /** Small files of the model to go along, paths below the root: scheduler, vocabulary, embeddings, README.md, LICENSE. */
  readonly companions: readonly NamedBlob[];
}

export interface PluggedStudent {
  readonly interval: BlockInterval;
  /** Safetensors, see docs/student-format.md. */
  readonly file: NamedBlob;
}

export interface NarrowParts {
  /** With what is known of them. */
  readonly edits: readonly PlannedWidthEdit[];
  /** Safetensors that together have every map, named by the teacher's block: `58.img_ffn_proj.weight`. See docs/student-format.md. */
  readonly maps: readonly NamedBlob[];
  /** Safetensors of what edits of modulations put in place: `modulation.0.basis`. Left out where there are none. */
  readonly modulations?: NamedBlob;
}

export interface TrainedModel {
  readonly teacher: Teacher;
  /** The run's plan, all of its intervals. */
  readonly plan: RunPlan;
  /** Students to plug in, any subset of the plan's; the other intervals keep the teacher's blocks. None gives the teacher. */
  readonly students: readonly PluggedStudent[];
  /** Runs of the plan whose blocks after the first go with nothing in their place; none where it is left out. */
  readonly removed?: readonly BlockInterval[];
  /** Weights of the joint fine-tune of exactly these students; they replace both theirs and the teacher's. */
  readonly fineTuned: NamedBlob | null;
  /** Edits that make blocks narrower, and the linear maps that they put in place; left out where there are none. */
  readonly narrow?: NarrowParts;
  /** What metrics.json and the card tell; a RunView has it all. Null where nothing is known. */
  readonly run: ExportedRun | null;
  /** Element type of trained weights: the teacher's of the same tensor (rounded to nearest even), or F32 as trained. */
  readonly dtype?: 'teacher' | 'F32';
  /** Weights above this are split in shards with an index (10 GB, as diffusers does). */
  readonly maxShardBytes?: number;
  /** Reads every trained weight once, so that a NaN is told before the first byte leaves. On unless false. */
  readonly checkValues?: boolean;
}

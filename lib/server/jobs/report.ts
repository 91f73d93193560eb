/**
 * Carries a trainer's progress into the database and the store, without holding it up. Steps go in batches about once a
 * second. A checkpoint is stored first, then acknowledged, and only after the steps before it, so that a curve never has
 * a gap; where storing is slower than training, checkpoints in between are passed over. The first failure ends the attempt.
 */
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DistilProgress, SavedFile, StepPoint } from '../../core/run/index.ts';
import type { ArtifactStore, StoredArtifact } from '../artifacts/store.ts';
import { outlast } from '../outlast.ts';
import type { Attempt } from '../runs/attempt.ts';
import { storeCheckpoint } from '../runs/checkpoints.ts';
import type { RunContext, Timing } from '../runs/context.ts';
import { attemptFolder } from '../runs/garbage.ts';
import { storeMilestone, storeSteps } from '../runs/training.ts';
import { sleep } from '../sleep.ts';
import type { AttemptEnd } from './attempt-end.ts';

export interface ReportTo {
  readonly context: RunContext;
  readonly store: ArtifactStore;
  readonly timing: Timing;
  readonly attempt: Attempt;
  readonly jobKey: string;
  readonly engine: string;
  readonly end: AttemptEnd;
}

type Milestone = Extract<DistilProgress, { kind: 'baselines' | 'held-out' }>;
type Checkpoint = Extract<DistilProgress, { kind: 'checkpoint' }>;

/** Steps of one event at most. */
const PORTION = 500;
/** The pace is the mean of so many steps. */
const RECENT = 20;

export class ProgressReport {
  private steps: StepPoint[] = [];
  private recentMs: number[] = [];
  private lastStored = 0;
  /** Writes to the database, in order. */
  private writes: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private newest: Checkpoint | null = null;
  private uploading: Promise<void> | null = null;

  constructor(private readonly to: ReportTo) {}

  accept(progress: DistilProgress): void {
    if (this.to.end.signal.aborted) return;
    switch (progress.kind) {
      case 'steps':
        this.steps.push(...progress.points);
        this.recentMs = [...this.recentMs, ...progress.points.map(({ durationMs }) => durationMs)].slice(-RECENT);
        this.timer ??= setTimeout(() => this.writeSteps(), this.wait());
        return;
      case 'baselines':
      case 'held-out':
        this.writeSteps();
        this.write(() => storeMilestone(this.to.context, this.to.attempt, progress satisfies Milestone));
        return;
      case 'checkpoint':
        if (this.newest) this.remove(this.newest.file).catch((thrown: unknown) => this.to.end.atOnce(thrown));
        this.newest = progress;
        this.uploading ??= this.upload();
        return;
      default:
        progress satisfies never;
    }
  }

  /** Everything accepted is stored and acknowledged. Rejects with the reason where the attempt was ended instead. */
  async settle(): Promise<void> {
    while (this.uploading) await this.uploading;
    this.writeSteps();
    await this.writes;
    this.to.end.signal.throwIfAborted();
  }

  /** Nothing more is written; what is under way ends. */
  async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.steps = [];
    await Promise.allSettled([this.uploading, this.writes]);
  }

  /** The trained file, under a key of this attempt. */
  async store(file: SavedFile): Promise<StoredArtifact> {
    const { attempt, jobKey, store } = this.to;
    const path = fileURLToPath(file.url);
    const key = `${attemptFolder(attempt.runId, jobKey, attempt.number)}${path.slice(path.lastIndexOf('/') + 1)}`;
    const { sizeBytes, sha256 } = file;
    return await this.outlast(() => store.put(key, path, { sizeBytes, sha256 }));
  }

  private wait(): number {
    return Math.max(0, this.lastStored + this.to.timing.steps - Date.now());
  }

  private writeSteps(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const points = this.steps;
    this.steps = [];
    this.lastStored = Date.now();
    const meanMs = this.recentMs.reduce((sum, ms) => sum + ms, 0) / this.recentMs.length;
    const rate = meanMs > 0 ? 1000 / meanMs : null;
    for (let from = 0; from < points.length; from += PORTION) {
      const portion = points.slice(from, from + PORTION);
      this.write(() => storeSteps(this.to.context, this.to.attempt, portion, rate));
    }
  }

  private write(work: () => Promise<void>): void {
    this.writes = this.writes.then(async () => {
      if (this.to.end.signal.aborted) return;
      await this.outlast(work).catch((thrown: unknown) => this.to.end.atOnce(thrown));
    });
  }

  private async upload(): Promise<void> {
    while (this.newest && !this.to.end.signal.aborted) {
      const { step, file } = this.newest;
      this.newest = null;
      try {
        const artifact = await this.store(file);
        this.writeSteps();
        this.write(() => storeCheckpoint(this.to.context, this.to.attempt, step, artifact, this.to.engine));
        await this.writes;
        await this.remove(file);
      } catch (thrown) {
        this.to.end.atOnce(thrown);
      }
      // A turn for what the trainer has said meanwhile.
      await sleep(0, this.to.end.signal);
    }
    this.uploading = null;
  }

  private async remove(file: SavedFile): Promise<void> {
    await rm(fileURLToPath(file.url), { force: true });
  }

  private outlast<T>(work: () => Promise<T>): Promise<T> {
    return outlast(this.to.timing.patience, this.to.end.signal, work);
  }
}

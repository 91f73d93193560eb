import type { AnalysisStage } from './progress.ts';

/** Wall time per stage, which may come more than once. */
export class StageClock {
  readonly stagesMs: Record<string, number> = {};
  #stage: AnalysisStage | null = null;
  #startedAt = 0;

  start(stage: AnalysisStage): void {
    this.stop();
    this.#stage = stage;
    this.#startedAt = performance.now();
  }

  stop(): void {
    if (this.#stage) {
      this.stagesMs[this.#stage] = (this.stagesMs[this.#stage] ?? 0) + performance.now() - this.#startedAt;
    }
    this.#stage = null;
  }
}

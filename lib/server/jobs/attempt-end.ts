/**
 * How an attempt is ended from outside: at once (its job is another's or its user's), or in order (a pause, a job runner
 * that ends), which lets it finish its step and store a checkpoint, yet not for ever.
 */

/** The job goes back, to the queue or to its user who paused it. */
export class GivenBack extends Error {
  override readonly name = 'GivenBack';
}

export class AttemptEnd {
  private readonly now = new AbortController();
  private readonly soon = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private hasWork = false;
  private isTrained = false;

  /** Ends everything that the attempt does; the reason says why. */
  readonly signal = this.now.signal;
  /** Ends training after its step and checkpoint. */
  readonly stop = this.soon.signal;

  /** From here on there is work that a checkpoint keeps. */
  beginWork(): void {
    this.hasWork = true;
  }

  atOnce(reason: unknown): void {
    this.now.abort(reason);
  }

  /** The student is there: storing it, which has a patience of its own, loses less than training its last steps again. */
  trained(): void {
    this.isTrained = true;
    clearTimeout(this.timer);
  }

  /** At once where nothing has begun that would be lost, and after `patienceMs` unless the student is being stored by then. */
  inOrder(patienceMs: number): void {
    if (this.stop.aborted || this.isTrained) return;
    const reason = new GivenBack('the job runner ends, or the run pauses');
    this.soon.abort(reason);
    if (this.hasWork) this.timer = setTimeout(() => this.now.abort(reason), patienceMs);
    else this.now.abort(reason);
  }

  /** The attempt is over. */
  done(): void {
    clearTimeout(this.timer);
  }
}

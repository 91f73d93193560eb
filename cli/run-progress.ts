/**
 * A run's intervals on stderr while they train: a line each that redraws itself on a terminal, a line per tenth of the way
 * anywhere else. Losses are smoothed, as single steps jump.
 */
import { printable } from '../lib/core/printable.ts';
import type { JobView, RunEvent, StepPoint } from '../lib/core/run/index.ts';

const BAR_CELLS = 20;
const SMOOTHING = 0.95;

export interface RunDisplay {
  show(event: RunEvent): void;
  /** Takes the moving lines away, so that others can be printed. */
  end(): void;
}

interface Line {
  readonly job: JobView;
  readonly loss: number | null;
  readonly step: number;
}

export function runDisplay(stream: NodeJS.WriteStream, jobs: readonly JobView[]): RunDisplay {
  const lines = new Map<string, Line>(jobs.map((job) => [job.key, { job, loss: null, step: job.step }]));
  const draw = stream.isTTY ? redrawing(stream) : telling(stream);
  return {
    show(event) {
      if (event.type === 'job') {
        const { job } = event;
        const known = lines.get(job.key);
        lines.set(job.key, { job, loss: known?.loss ?? null, step: Math.max(job.step, 0) });
      } else if (event.type === 'steps') {
        const known = lines.get(event.key);
        if (known) lines.set(event.key, { ...known, ...after(event.points, known) });
      } else if (event.type !== 'measuring') {
        return;
      }
      draw.show([...lines.values()], event);
    },
    end: draw.end,
  };
}

function after(points: readonly StepPoint[], { loss, step }: Line): Pick<Line, 'loss' | 'step'> {
  let smoothed = loss;
  for (const { losses } of points) {
    const value = Object.values(losses).reduce((sum, loss) => sum + loss, 0);
    smoothed = smoothed === null ? value : SMOOTHING * smoothed + (1 - SMOOTHING) * value;
  }
  return { loss: smoothed, step: points.at(-1)?.step ?? step };
}

interface Drawing {
  show(lines: readonly Line[], event: RunEvent): void;
  end(): void;
}

function redrawing(stream: NodeJS.WriteStream): Drawing {
  let drawn = 0;
  const clear = () => {
    if (drawn > 0) stream.write(`\r\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  return {
    show(lines, event) {
      clear();
      const told = lines.map((line) => [barOf(line), tellingOf(line), line.job.note ?? ''].join('  '));
      if (event.type === 'measuring' && !event.error) told.push(`measuring: ${event.done} of ${event.total}`);
      const width = Math.max(20, (stream.columns ?? 80) - 1);
      for (const line of told) stream.write(`${fitting(printable(line), width)}\n`);
      drawn = told.length;
    },
    end: clear,
  };
}

/** One line of the terminal: a longer one would wrap, and clearing would leave its rest behind. */
function fitting(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function barOf({ job, step }: Line): string {
  const filled = Math.round(BAR_CELLS * Math.min(1, job.steps > 0 ? step / job.steps : 0));
  return `${job.key.padEnd(9)} ${'█'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
}

function telling(stream: NodeJS.WriteStream): Drawing {
  const told = new Map<string, string>();
  return {
    show(lines, event) {
      if (event.type === 'measuring') {
        const tenth = event.total > 0 ? Math.floor((10 * event.done) / event.total) : 0;
        if (!event.error && told.get('measuring') !== String(tenth))
          stream.write(`measuring: ${event.done} of ${event.total}\n`);
        told.set('measuring', String(tenth));
        return;
      }
      for (const line of lines) {
        const { key, state, steps, note } = line.job;
        const isNew = told.get(`${key} note`) !== note;
        told.set(`${key} note`, note ?? '');
        const now = `${state} ${steps > 0 ? Math.floor((10 * line.step) / steps) : 0}`;
        if (told.get(key) === now) continue;
        told.set(key, now);
        stream.write(`${printable(`${key}: ${tellingOf(line)}${note && isNew ? `  (${note})` : ''}`)}\n`);
      }
    },
    end() {},
  };
}

/** "400 of 1000  31.2 steps/s  0:19 left  loss 0.0123", or what else the job is doing. */
export function tellingOf({ job, step, loss }: Line): string {
  const parts = [`${step} of ${job.steps}`];
  if (job.state === 'running') {
    if (job.stepsPerSecond) {
      parts.push(
        `${job.stepsPerSecond.toPrecision(3)} steps/s`,
        `${clock((job.steps - step) / job.stepsPerSecond)} left`,
      );
    }
    if (loss !== null) parts.push(`loss ${loss.toPrecision(3)}`);
    if (job.worker) parts.push(`${job.worker.engine}`);
  } else {
    parts.push(job.state);
    if (job.error) parts.push(job.error);
  }
  return parts.join('  ');
}

/** "0:19", "2:05:00". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

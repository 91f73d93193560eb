/** Progress on stderr: one line that redraws itself on a terminal, a line per stage and quarter anywhere else. */

import type { Progress } from '../lib/compute/protocol.ts';
import { printable } from '../lib/core/printable.ts';

const BAR_CELLS = 24;

export interface ProgressDisplay {
  show(progress: Progress): void;
  end(): void;
}

export function progressOn(stream: NodeJS.WriteStream): ProgressDisplay {
  return stream.isTTY ? bar(stream) : lines(stream);
}

function bar(stream: NodeJS.WriteStream): ProgressDisplay {
  const startedAt = performance.now();
  let drawn = false;
  return {
    show({ stage, done, total }) {
      const share = total > 0 ? Math.min(done / total, 1) : 0;
      const filled = Math.round(share * BAR_CELLS);
      const cells = '█'.repeat(filled) + '░'.repeat(BAR_CELLS - filled);
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      stream.write(`\r\x1b[K${printable(stage).padEnd(13)} ${cells} ${done}/${total}  ${seconds} s`);
      drawn = true;
    },
    end() {
      if (drawn) stream.write('\r\x1b[K');
    },
  };
}

function lines(stream: NodeJS.WriteStream): ProgressDisplay {
  // Stages may take turns: a block is captured, then its probe is fitted.
  const shown = new Map<string, { readonly quarter: number; readonly done: number }>();
  return {
    show({ stage, done, total }) {
      const quarter = total > 0 ? Math.floor((4 * done) / total) : 0;
      const before = shown.get(stage);
      // A stage begins anew in the next task of a command.
      const isNews = !before || quarter > before.quarter || done < before.done;
      shown.set(stage, { quarter: isNews ? quarter : before.quarter, done });
      if (!isNews) return;
      stream.write(`${printable(stage)}: ${done} of ${total}\n`);
    },
    end() {},
  };
}

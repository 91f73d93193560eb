/**
 * Starts a compute worker as a process of its own: native code that aborts, runs out of memory or is killed takes
 * nothing else with it, and each process has its own numeric threads. The same protocol as a thread's or the browser's,
 * over Node's IPC. It ends with its parent, even with `kill -9` and in the middle of a native call.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { printable } from '../core/printable.ts';
import { createWorkerClient, type WorkerClient } from './client.ts';
import type { ClientPort } from './port.ts';

export interface ComputeProcessOptions {
  /** Numeric threads of a native engine; by default as many as the machine has cores. */
  readonly threads?: number;
  /** Added to the parent's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What runs in it, for tests. */
  readonly entry?: URL;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The last line that it wrote to stderr: what a library says before it aborts. Empty when it wrote none. */
  readonly lastWords: string;
}

export interface ComputeProcess {
  /** `close` ends the process; `restart` replaces it. */
  readonly client: WorkerClient;
  /** Of the process running now; undefined when none could be started. */
  readonly pid: number | undefined;
  /** The end of the process running now; never rejects. */
  readonly exited: Promise<ProcessEnd>;
  /** Ends it at once; what is pending is rejected with `worker-crashed`. */
  kill(): void;
}

const ENTRY = new URL('../../workers/node-process.worker.mjs', import.meta.url);

export function startComputeProcess(options: ComputeProcessOptions = {}): ComputeProcess {
  let child: ChildProcess;
  let exited: Promise<ProcessEnd>;
  const client = createWorkerClient(() => {
    child = startChild(options);
    exited = endOf(child);
    return portOf(child, exited);
  });
  return {
    client,
    get pid() {
      return child.pid;
    },
    get exited() {
      return exited;
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function startChild({ threads, env, entry = ENTRY }: ComputeProcessOptions): ChildProcess {
  return fork(fileURLToPath(entry), [String(process.pid)], {
    serialization: 'advanced',
    // The parent's loader and debugger flags are not the child's.
    execArgv: [],
    // What libraries print must not mix with the parent's data.
    stdio: ['ignore', 2, 'pipe', 'ipc'],
    env: { ...process.env, ...hugePages(process.env), ...(threads !== undefined && threadVariables(threads)), ...env },
  });
}

const HUGE_PAGES = 'glibc.malloc.hugetlb';

/**
 * glibc, from 2.35 on, asks Linux for huge pages where a process allocates much at once. Weights and activations are allocated and
 * freed operation by operation, and clearing and mapping them in pages of 4 KiB takes as long as computing with them
 * (docs/measurements.md). Other systems and C libraries ignore the variable; a setting of the user's own stays.
 */
export function hugePages({
  GLIBC_TUNABLES: own = '',
}: Readonly<Record<string, string | undefined>>): Record<string, string> {
  if (own.includes(HUGE_PAGES)) return {};
  return { GLIBC_TUNABLES: [own, `${HUGE_PAGES}=1`].filter(Boolean).join(':') };
}

/** Read by TensorFlow and by OpenMP when they load. */
function threadVariables(threads: number): Record<string, string> {
  return {
    TF_NUM_INTRAOP_THREADS: String(threads),
    TF_NUM_INTEROP_THREADS: '1',
    OMP_NUM_THREADS: String(threads),
  };
}

/** TensorFlow says this each time it loads, whatever the log level. */
const NO_NEWS = /^WARNING: All log messages before absl::InitializeLog|\] oneDNN custom operations are on\./;

function endOf(child: ChildProcess): Promise<ProcessEnd> {
  let lastWords = '';
  if (child.stderr) {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (NO_NEWS.test(line)) return;
      if (line.trim()) lastWords = line.trim();
      process.stderr.write(`${printable(line)}\n`);
    });
  }
  return new Promise((resolve) => {
    // After its exit, when everything that it wrote has been read.
    child.once('close', (code, signal) => resolve({ code, signal, lastWords }));
    // A process that never started has no end.
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null, lastWords });
    });
  });
}

function portOf(child: ChildProcess, exited: Promise<ProcessEnd>): ClientPort {
  return {
    postMessage(request) {
      // A message that finds nobody is told by the process's end, which names the reason.
      child.send(request, () => {});
    },
    onMessage: (listener) => child.on('message', listener),
    onCrash(listener) {
      child.on('error', (error) => listener(error.message));
      void exited.then((end) => listener(describeEnd(end)));
    },
    close: () => void child.kill('SIGKILL'),
  };
}

function describeEnd({ code, signal, lastWords }: ProcessEnd): string {
  // Nobody can speak when killed: what it wrote before has nothing to do with it.
  if (signal === 'SIGKILL') return 'its process was killed (SIGKILL), by hand or because memory ran out';
  const end = signal ? `its process was ended by ${signal}` : `its process exited with code ${code}`;
  return lastWords ? `${end} after writing "${lastWords}"` : end;
}

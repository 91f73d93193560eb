/** The backend in a process of its own: answers its parent's calls and streams a run's events to it. Ends with its parent. */
import { z } from 'zod';
import { startComputeProcess } from '../../compute/node-process.ts';
import { asContiguaError } from '../../core/errors.ts';
import { LocalArtifacts } from '../artifacts/local.ts';
import { createBackend } from '../create-backend.ts';
import { readEnv } from '../env.ts';
import { SHORT, startFake } from './setting.ts';

const told = z
  .object({
    env: z.record(z.string(), z.string()),
    fake: z.record(z.string(), z.string()).nullable(),
    models: z.string(),
    artifacts: z.string().nullable(),
    realTiming: z.boolean(),
    timing: z.record(z.string(), z.number()),
  })
  .parse(JSON.parse(process.env.PROOF ?? '{}'));
const send = (message: object) => void process.send?.(message);
const pids = new Map<object, () => number | undefined>();
const starting = told.fake ? startFake(told.fake) : startComputeProcess;

process.on('disconnect', () => process.exit());
const backend = await createBackend(readEnv(told.env, told.models), {
  timing: { ...(!told.realTiming && SHORT), ...told.timing },
  ...(told.artifacts && { store: new LocalArtifacts(told.artifacts) }),
  maxLosses: 1_000,
  report: (sentence) => send({ sentence }),
  startCompute(options) {
    const compute = starting(options);
    pids.set(compute, () => ('pid' in compute && typeof compute.pid === 'number' ? compute.pid : undefined));
    void compute.exited.then(() => pids.delete(compute));
    return compute;
  },
}).catch((thrown: unknown) => {
  const { code, message } = asContiguaError(thrown);
  send({ refused: { code, message } });
  process.exit(1);
});
// As the job host does (lib/server/host.ts).
process.once('SIGTERM', () => void backend.close().then(() => process.exit(0)));
send({ ready: true });

const call = z.object({ id: z.int(), method: z.string(), args: z.array(z.unknown()) });
process.on('message', async (message) => {
  const { id, method, args } = call.parse(message);
  try {
    if (method === 'computePids') send({ id, value: [...pids.values()].flatMap((pid) => pid() ?? []) });
    else if (method === 'follow') {
      send({ id, value: null });
      const [run, after] = z.tuple([z.string(), z.int()]).parse(args);
      for await (const event of backend.follow(run, after, new AbortController().signal)) send({ run, event });
    } else {
      // One build, one list of methods: the parent's type is the backend's.
      const methods: Readonly<Record<string, unknown>> = { ...backend };
      const answer = methods[method];
      if (typeof answer !== 'function') throw new Error(`no method ${method}`);
      const value: unknown = await answer(...args);
      send({ id, value: method === 'openTrained' ? pick(value) : (value ?? null) });
      if (method === 'close') process.exit(0);
    }
  } catch (thrown) {
    const { code, summary, details } = asContiguaError(thrown);
    send({ id, error: { code, summary, details } });
  }
});

/** A blob does not cross. */
function pick(value: unknown): object {
  return z.object({ sha256: z.string() }).parse(value);
}

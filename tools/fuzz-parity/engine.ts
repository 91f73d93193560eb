/**
 * Contigua's side of tools/fuzz-parity: one engine, many small models, so that a case does not cost the start of a process. Reads
 * requests as lines of JSON on stdin and writes one line of JSON for each on stdout. The way of a request is that of
 * `contigua forward`; edits and the exported folder are the product's own too.
 *
 *   node --import ./scripts/sources.mjs tools/fuzz-parity/engine.ts wasm
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { nodeEngines } from '../../lib/compute/engines/node-engines.ts';
import { nodeFiles } from '../../lib/compute/folder/node-files.ts';
import { createTasks } from '../../lib/compute/tasks.ts';
import { readForwardInputs } from '../../lib/core/capture/index.ts';
import { writeSafetensors } from '../../lib/core/checkpoint/index.ts';
import { DEFAULT_DETECTION } from '../../lib/core/detection/index.ts';
import type { RunEdit } from '../../lib/core/edit/index.ts';
import { openStudents, type StudentEdit } from '../../lib/core/edited-model/index.ts';
import { ContiguaError } from '../../lib/core/errors.ts';
import { studentFolder } from '../../lib/core/export/index.ts';
import { openTeacher } from '../../lib/core/export/open-teacher.ts';
import { type OpenModel, openModel } from '../../lib/core/folder/open-model.ts';
import { openTransformer, routeOf, sampleOf } from '../../lib/core/model/index.ts';
import { buildPlan } from '../../lib/core/plan/index.ts';
import { fromFloat32 } from '../../lib/core/tensor/index.ts';

interface Request {
  readonly model: string;
  readonly inputs: string;
  /** Where `sample` goes. */
  readonly out: string;
  readonly edits?: readonly { readonly first: number; readonly last: number; readonly student: string | null }[];
  /** Writes the model with its students as a folder. */
  readonly exportTo?: string;
  /** Answers with the fingerprint, which students name, and computes nothing. */
  readonly fingerprint?: true;
}

const url = (path: string) => pathToFileURL(resolve(path)).href;
const engine = process.argv[2] as 'wasm' | 'cpu' | 'tensorflow';
const tasks = createTasks({ engines: nodeEngines(), files: nodeFiles });
const quiet = { signal: new AbortController().signal, onProgress() {} };
await tasks.startEngine({ wanted: engine }, quiet);

for await (const line of createInterface({ input: process.stdin })) {
  const request: Request = JSON.parse(line);
  const answer = await answerTo(request).catch((thrown: unknown) => {
    if (thrown instanceof ContiguaError) return { refused: thrown.code, message: thrown.message };
    return { failed: String(thrown instanceof Error ? (thrown.stack ?? thrown) : thrown) };
  });
  console.log(JSON.stringify(answer));
}
process.exit(0);

async function answerTo(request: Request): Promise<object> {
  const model = await openModel({ files: await nodeFiles.openFolder(`${url(request.model)}/`), name: 'fuzz' });
  if (request.fingerprint) return { fingerprint: model.summary.fingerprint };
  const inputs = await readForwardInputs(
    await nodeFiles.openFile(url(request.inputs), 'inputs.safetensors'),
    model.config,
  );
  const edits: (RunEdit | StudentEdit)[] = [];
  for (const { first, last, student } of request.edits ?? []) {
    if (student === null) edits.push({ on: 'run', first, last, by: 'nothing' });
    else {
      const file = await nodeFiles.openFile(url(student), 'student.safetensors');
      edits.push({ on: 'run', first, last, by: 'student', file });
    }
  }
  const sources = edits.filter((edit): edit is StudentEdit => 'file' in edit);
  const students = await openStudents(model, sources);
  const transformer = await openTransformer(model.config, model.checkpoint);
  try {
    const route = edits.length > 0 ? routeOf(model.config.numBlocks, edits, { students }) : undefined;
    const { values, shape } = sampleOf(await transformer.forward(inputs, route), inputs, model.config);
    const bytes = fromFloat32(new Float32Array(values), 'F32');
    await writeFile(request.out, writeSafetensors([{ name: 'sample', dtype: 'F32', shape, bytes }]));
  } finally {
    transformer.dispose();
    for (const { weights } of students) weights.dispose();
  }
  if (request.exportTo) await exported(request, model, sources, request.exportTo);
  return { done: true };
}

async function exported(
  { model: folder }: Request,
  { summary }: OpenModel,
  sources: readonly StudentEdit[],
  to: string,
): Promise<void> {
  const files = await nodeFiles.openFolder(`${url(folder)}/`);
  const written = await studentFolder({
    teacher: await openTeacher(files, 'fuzz'),
    plan: buildPlan({ model: summary, report: null, edits: sources, detection: DEFAULT_DETECTION }),
    students: sources.map(({ first, last, file }) => ({ interval: { first, last }, file })),
    fineTuned: null,
    run: null,
  });
  for (const { path, blob } of written) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await writeFile(join(to, path), new Uint8Array(await blob.arrayBuffer()));
  }
}

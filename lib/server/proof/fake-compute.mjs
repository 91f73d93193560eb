/**
 * A compute process that trains nothing, for tests of the machinery around it: it speaks the worker protocol, takes its
 * time, writes real files, and goes on from a checkpoint exactly as if it had never stopped. Its "weights" are a chain of
 * digests over the steps, so any step left out, done twice or begun from another state ends in other bytes. Every step is
 * logged to the file FAKE_LOG as "key step pid", so that tests can count what was repeated. While the file FAKE_LOG.hold
 * names a step, none begins after it, so that tests can catch a run where they want it; while FAKE_LOG.stillborn is there,
 * a process dies where its engine should start. Asked to stop in order, it saves its step first, as the real one does. Plain JavaScript, to start fast.
 */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { fileURLToPath } from 'node:url';

const {
  FAKE_LOG,
  FAKE_FINGERPRINT = '',
  FAKE_STEP_MS = '1',
  FAKE_BYTES = '2000',
  FAKE_BLOCKS = '16',
  FAKE_CONFIG = '{}',
} = process.env;
const cancelled = new Set();
const stopping = new Set();
/** As `turnsTaken` of the real one. */
let turns = 0;
const ALIVE_EVERY_MS = 200;
let working = Promise.resolve();

process.on('disconnect', () => process.exit());
// A message to a parent that has just been killed.
process.on('error', () => process.exit());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.on('message', (message) => {
  if (message.type === 'cancel') cancelled.add(message.id);
  else if (message.type === 'stop') stopping.add(message.id);
  else working = working.then(() => answer(message));
});

async function answer({ id, task, input }) {
  const alive = setInterval(() => process.send({ type: 'alive', id, turns }), ALIVE_EVERY_MS);
  try {
    const value = await tasks[task](input, id);
    process.send({ type: 'result', id, value });
  } catch (thrown) {
    const { code = 'internal', message, stack } = thrown;
    process.send({ type: 'error', id, error: { code, summary: message, details: thrown.details ?? {}, stack } });
  } finally {
    clearInterval(alive);
  }
}

const tasks = {
  startEngine: ({ wanted }) => {
    if (existsSync(`${FAKE_LOG}.stillborn`)) process.kill(process.pid, 'SIGKILL');
    const offered = (process.env.FAKE_ENGINES ?? 'wasm').split(' ');
    const candidates = offered.map((name) => ({
      name,
      available: true,
      device: 'fake',
      reason: 'It is a fake.',
      preferred: true,
    }));
    const name = wanted === 'auto' ? offered[0] : wanted;
    if (!offered.includes(name)) throw failure('engine-unavailable', `The engine "${name}" cannot run here`);
    return { name, device: 'fake', threads: 1, why: 'It is a fake.', candidates };
  },
  openModel: ({ source }) => ({
    name: source.name,
    fingerprint: FAKE_FINGERPRINT,
    width: 4,
    numBlocks: Number(FAKE_BLOCKS),
    parameters: 16_000,
    globalParameters: 16_000 - 900 * Number(FAKE_BLOCKS),
    blocks: Array.from({ length: Number(FAKE_BLOCKS) }, () => ({ parameters: 900, updates: [] })),
    config: JSON.parse(FAKE_CONFIG),
  }),
  measure: () => ({ wholeMs: 20, prunedMs: 20, samples: 2, runs: 3 }),
  distil: ({ edit, settings, resume, saveTo }, id) => train(`${edit.first}-${edit.last}`, settings, resume, saveTo, id),
  async trainMaps({ edit, restsOn, settings, resume, saveTo }, id) {
    const key = edit.on === 'ffn' ? `f${edit.block}-${edit.stream}` : `t${edit.first}-${edit.last}`;
    return { ...(await behind(key, restsOn, settings, resume, saveTo, id)), kept: 'trained', fitError: 0.1 };
  },
  async trainModulations({ edits, restsOn, settings, resume, saveTo }, id) {
    const seed = `${settings.seed} ${JSON.stringify(edits.map(({ blocks, by }) => [blocks, by]))}`;
    const trained = await behind('modulations', restsOn, { ...settings, seed }, resume, saveTo, id);
    return { ...trained, kept: 'start', fitError: 0.2 };
  },
  fineTune: ({ edits, modulations, settings, resume, saveTo }, id) =>
    behind('fine-tune', modulations ? [...edits, modulations] : edits, settings, resume, saveTo, id),
  async tryEdits({ edits, modulations, fineTuned, pictures }, id) {
    for (const { file } of modulations ? [...edits, modulations] : edits) readFileSync(fileURLToPath(file.url));
    if (fineTuned) readFileSync(fileURLToPath(fineTuned.url));
    for (let done = 1; done <= 4; done++) {
      await pace(id);
      process.send({ type: 'progress', id, progress: { stage: 'draw', done, total: 4 } });
    }
    const rgba = new Uint8ClampedArray(2 * 2 * 4).fill(200);
    const fact = (holds) => ({ name: 'colour', expected: 'red', seen: 'red', holds });
    const drawing = { rgba, width: 2, height: 2, facts: [fact(true), fact(false)], durationMs: 1 };
    return {
      facts: { held: 3 * pictures, total: 4 * pictures, pictures },
      outputError: (edits.length + (modulations?.edits.length ?? 0)) / 100,
      timing: { wholeMs: 10, prunedMs: 10 - edits.length, samples: 1, runs: 3 },
      drawings: [{ caption: 'a red circle', drawing }],
    };
  },
};

/** What follows from the files that it rests on. */
function behind(key, restsOn, settings, resume, saveTo, id) {
  const from = restsOn.map(({ file }) => sha256(readFileSync(fileURLToPath(file.url)))).join(' ');
  const nameOf = ({ on, first, last, block }) => (on === 'ffn' ? block : on ? `${first}-${last}` : 'modulations');
  log(`${key} behind ${restsOn.map(nameOf).join(' ')}`);
  return train(key, { ...settings, seed: `${settings.seed} ${from}` }, resume, saveTo, id);
}

async function train(key, settings, resume, saveTo, id) {
  let { step, state } = resume ? read(resume.url) : { step: 0, state: sha256(`${key} ${settings.seed}`) };
  log(`${key} from ${step} ${process.pid}`);
  let saved = step;
  const checkpoint = () => {
    saved = step;
    progress(id, { kind: 'checkpoint', step, file: save(new URL(`state-${step}.fake`, saveTo), { step, state }) });
  };
  const stopInOrder = () => {
    if (!stopping.delete(id)) return;
    if (saved < step) checkpoint();
    throw failure('cancelled', `Stopped after step ${step}`);
  };
  if (!resume && key !== 'fine-tune') {
    const error = { image: { direction: 1, magnitude: 1, relative: 1 }, text: null };
    progress(id, { kind: 'baselines', baselines: { firstBlock: error, probes: error, removal: error }, startBlock: 0 });
    progress(id, { kind: 'held-out', point: heldOut(0, state) });
  }
  while (step < settings.steps) {
    do {
      await pace(id);
      stopInOrder();
    } while (step >= heldAt());
    step += 1;
    if (process.env.FAKE_FAIL_AT === `${key} ${step}`)
      throw failure('training-diverged', 'The loss is not finite any more');
    if (process.env.FAKE_CRASH_AT === `${key} ${step}`) process.kill(process.pid, 'SIGKILL');
    state = sha256(`${state} ${step}`);
    log(`${key} ${step} ${process.pid}`);
    const image = Number.parseInt(state.slice(0, 8), 16) / 2 ** 32;
    const point = { step, losses: { image }, gradientNorm: 1, learningRate: 1e-3, durationMs: Number(FAKE_STEP_MS) };
    progress(id, { kind: 'steps', points: [point] });
    if (step % settings.heldOutEvery === 0 && step < settings.steps && key !== 'fine-tune') {
      progress(id, { kind: 'held-out', point: heldOut(step, state) });
    }
    if (step % settings.checkpointEvery === 0 && step < settings.steps) checkpoint();
  }
  const student = save(new URL('student.safetensors', saveTo), { step, state });
  return { student, steps: step, heldOut: heldOut(step, state) };
}

function heldAt() {
  try {
    return Number(readFileSync(`${FAKE_LOG}.hold`, 'utf8'));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

const progress = (id, partial) =>
  process.send({ type: 'progress', id, progress: { stage: 'distil', done: 0, total: 1, partial } });

function heldOut(step, state) {
  const direction = Number.parseInt(state.slice(8, 16), 16) / 2 ** 32;
  return { step, student: { image: { direction, magnitude: 0, relative: 0 }, text: null } };
}

/** A digest's worth of state, then as many bytes as asked for that follow from it. */
function save(url, { step, state }) {
  const head = Buffer.from(`${JSON.stringify({ step, state })}\n`);
  const body = Buffer.alloc(Number(FAKE_BYTES), state);
  const bytes = Buffer.concat([head, body]);
  const path = fileURLToPath(url);
  try {
    const file = openSync(`${path}.part`, 'w');
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
    closeSync(file);
    renameSync(`${path}.part`, path);
  } catch (thrown) {
    if (['ENOSPC', 'EFBIG'].includes(thrown.code))
      throw failure('disk-full', 'There is no room for this file', { file: path });
    throw thrown;
  }
  return { url: url.href, sizeBytes: bytes.length, sha256: sha256(bytes) };
}

function read(url) {
  const text = readFileSync(fileURLToPath(url), 'latin1');
  return JSON.parse(text.slice(0, text.indexOf('\n')));
}

async function pace(id) {
  turns += 1;
  await new Promise((resolve) => setTimeout(resolve, Number(FAKE_STEP_MS)));
  if (cancelled.delete(id)) throw failure('cancelled', 'Stopped');
}

const sha256 = (data) => createHash('sha256').update(data).digest('hex');
const failure = (code, message, details) => Object.assign(new Error(message), { code, details });

function log(line) {
  if (FAKE_LOG) appendFileSync(FAKE_LOG, `${line}\n`);
}

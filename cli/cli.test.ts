/** The command as people run it, on files on disk. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFile, type TensorToWrite, writeSafetensors } from '../lib/core/checkpoint/index.ts';
import { editKey } from '../lib/core/edit/index.ts';
import { goldenModel } from '../lib/core/model/golden-fill.ts';
import { parsePlan, parseRunPlan } from '../lib/core/plan/index.ts';
import { parseReport } from '../lib/core/report/index.ts';
import { storedBytes, storedCase } from '../lib/testing/stored/index.ts';
import { type TinyModel, tinyModel } from '../lib/testing/tiny-model.ts';
import { contiguaInside } from './contigua-fixtures.ts';

const BIN = fileURLToPath(new URL('../bin/contigua.mjs', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function contigua(argv: readonly string[], { interruptOn }: { interruptOn?: RegExp } = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...argv], { cwd: folder });
    let stdout = '';
    let stderr = '';
    let interrupted = false;
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (interruptOn?.test(stderr) && !interrupted) interrupted = child.kill('SIGINT');
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** One test for each command goes through the program, the others run inside this process. */
const inside = (argv: readonly string[]) => contiguaInside(argv, folder);

let folder = '';
let tiny: TinyModel;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-cli-'));
  tiny = await tinyModel();
  await writeModel('tiny', tiny);
  await writeFile(join(folder, 'in.safetensors'), tiny.inputs);
});
afterAll(() => rm(folder, { recursive: true }));

async function writeModel(name: string, { files }: TinyModel): Promise<void> {
  await mkdir(join(folder, name, 'transformer'), { recursive: true });
  for (const [path, bytes] of Object.entries(files)) await writeFile(join(folder, name, 'transformer', path), bytes);
}
const read = (path: string) => readFile(join(folder, path), 'utf8');

describe('contigua', () => {
  it('inspects a model for people', async () => {
    const { code, stdout } = await contigua(['inspect', 'tiny']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tiny\n/);
    expect(stdout).toContain('2, of 149,');
    expect(stdout).toMatch(/fingerprint {2}sha256:[0-9a-f]{64}\n$/);
  });

  it('inspects a model of several kinds of blocks, a line for each kind', async () => {
    const small = {
      attention_head_dim: 8,
      num_attention_heads: 4,
      caption_projection_dim: 32,
      joint_attention_dim: 32,
    };
    const raw = { _class_name: 'SD3Transformer2DModel', ...small, num_layers: 4, pos_embed_max_size: 8 };
    const { config, checkpoint } = goldenModel({ ...raw, dual_attention_layers: [0, 1] });
    const tensors: TensorToWrite[] = [];
    for (const { name, shape } of checkpoint.tensors.values()) {
      tensors.push({ name, shape, dtype: 'F32', bytes: await checkpoint.readBytes(name) });
    }
    await mkdir(join(folder, 'sd3'));
    await writeFile(join(folder, 'sd3', 'config.json'), JSON.stringify(config.raw));
    await writeFile(join(folder, 'sd3', 'diffusion_pytorch_model.safetensors'), writeSafetensors(tensors));
    const { stdout } = await inside(['inspect', 'sd3']);
    expect(stdout).toMatch(
      /\n {2}blocks +4\n +2 dual attention, of [\d,]+ parameters each\n +1 joint, of [\d,]+ parameters\n +1 last, of [\d,]+ parameters\n/,
    );
  });

  it('inspects one file of a model, with the config.json beside it', async () => {
    const name = 'flux.gguf';
    await mkdir(join(folder, 'single'));
    await writeFile(join(folder, 'single', name), storedBytes(name));
    await writeFile(join(folder, 'single', 'config.json'), JSON.stringify(storedCase(name).config.raw));
    const { code, stdout } = await inside(['inspect', `single/${name}`]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^flux\n/);
    expect(stdout).toMatch(/weights +.*Q4_0.*in 1 file/);
    const cut = storedBytes(name);
    await writeFile(join(folder, 'cut.gguf'), cut.subarray(0, cut.length / 2));
    const refused = await inside(['inspect', 'cut.gguf']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/cut\.gguf › .*: The file is cut short/);
  });

  it('inspects a model for programs, by its root or its transformer folder alike', async () => {
    const [root, transformer] = await Promise.all([
      inside(['inspect', 'tiny', '--json']),
      inside(['inspect', 'tiny/transformer', '--json']),
    ]);
    expect(root.code).toBe(0);
    expect(root.stderr).toBe('');
    expect(JSON.parse(root.stdout)).toEqual(JSON.parse(transformer.stdout));
    expect(JSON.parse(root.stdout)).toMatchObject({ name: 'tiny', numBlocks: 2, parameters: 331_040 });
  });

  it('runs a forward pass to the numbers of diffusers, and leaves no half file', async () => {
    const { code, stdout, stderr } = await contigua(
      'forward tiny --inputs in.safetensors --out out.safetensors --engine wasm'.split(' '),
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toMatch(/engine: wasm.*\n.*sample \[1, 16, 16\]/);
    const out = await openFile({ path: 'out', blob: new Blob([await readFile(join(folder, 'out.safetensors'))]) });
    expect(out.tensors.get('sample')).toMatchObject({ dtype: 'F32', shape: [1, 16, 16] });
    const sample = await out.readFloat32('sample');
    const errors = sample.map((value, i) => Math.abs(value - (tiny.expected[i] ?? Number.NaN)));
    expect(Math.max(...errors)).toBeLessThan(2e-4);
    expect((await readdir(folder)).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('plans edits that make blocks narrower, with the config that PPCL’s class reads', async () => {
    const intervals = ['--intervals', 't0-1.f1-image'];
    const [group, ranked, refused, measured] = await Promise.all([
      inside(['plan', 'tiny', ...intervals, '--config-out', 'narrow.json']),
      inside(['plan', 'tiny', '--intervals', 'm4.0-1s', '--config-out', 'ranked.json']),
      inside(['plan', 'tiny', '--intervals', 't0-1.f1-text']),
      inside(['plan', 'tiny', ...intervals, '--measure']),
    ]);
    expect(group.code).toBe(0);
    const plan = parsePlan(group.stdout, 'plan.json');
    expect(plan.edits.map(editKey)).toEqual(['0-1 text', '1 image ffn']);
    expect(plan.blockMap.map(({ fate }) => fate)).toEqual(['kept', 'narrowed']);
    expect(group.stderr).toContain('1 block narrower, ');
    expect(JSON.parse(await read('narrow.json'))).toMatchObject({
      num_layers: 2,
      single_stream_index: [1],
      ffn_proj_index: [1],
      ehs_proj_index: [1],
    });
    expect(ranked.code).toBe(0);
    expect(JSON.parse(await read('ranked.json'))).toMatchObject({
      num_layers: 1,
      shared_modulation: [{ blocks: [0], rank: 4 }],
    });
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(/Block 1 has no text feed-forward layers; found the text group 0-1/);
    expect(measured.stderr).toMatch(/measured output error on 64 SYNTHETIC inputs .*: \d/);
    expect(parsePlan(measured.stdout, 'plan.json').choice?.outputError).toBeGreaterThan(0);
  });

  it('analyses, and plans from the report and from intervals typed by hand', async () => {
    const analysed = await contigua(
      'analyse tiny --samples 6 --timesteps 3 --seed 5 --split --out report.json --engine wasm'.split(' '),
    );
    expect(analysed.stderr).toMatch(/SYNTHETIC inputs[\s\S]*capture: 2 of 2[\s\S]*wrote report\.json/);
    // Six prompts of noise, two of them held out: too few tokens of text.
    expect(analysed.stderr).toMatch(
      /Held out: 2 of 6 prompts, 2 of 6 samples\.\ntimestep +fitted +held out +image tokens +text tokens\n0\.1667 +\d +\d +\d+ \+ \d+ +\d+ \+ \d+\n0\.5 .*\n0\.8333 .*\nNo intervals are detected: text has 64 of 128 fitted and 32 of 64 held-out tokens that width 64 needs\. About 12 samples/,
    );
    expect({ code: analysed.code, stdout: analysed.stdout }).toEqual({ code: 0, stdout: '' });
    const report = parseReport(await read('report.json'), 'report.json');
    expect(report.calibration).toMatchObject({ kind: 'synthetic', samples: 6, seed: 5 });

    const [typed, unread, tooMany, least, uncounted] = await Promise.all([
      contigua(['plan', 'tiny', '--intervals', '[[0,1]]', '--report', 'report.json', '--config-out', 'config.json']),
      inside('plan tiny --report report.json --remove 1'.split(' ')),
      inside('plan tiny --report report.json --remove 2 --rows all'.split(' ')),
      inside('plan tiny --report report.json --remove 1 --choice least-damage'.split(' ')),
      inside(['compare', 'report.json', 'report.json']),
    ]);
    expect(typed.code).toBe(0);
    expect(typed.stderr).toContain('layer_index of the PPCL trainer: [[0,1]]');
    expect(typed.stderr).toContain('No intervals are detected: text has 64 of 128');
    const plan = parseRunPlan(typed.stdout, 'plan.json');
    expect(plan.blocks).toEqual({ before: 2, after: 1 });
    expect(plan.model.fingerprint).toBe(report.model.fingerprint);
    expect(plan.edits[0]?.cka).not.toBeNull();
    expect(JSON.parse(await read('config.json'))).toMatchObject({ num_layers: 1, attention_head_dim: 16 });
    expect(unread).toMatchObject({ code: 1, stdout: '' });
    expect(unread.stderr).not.toContain('least-damage');
    expect(least.code).toBe(0);
    expect(least.stderr).toContain('No intervals are detected: text has 64 of 128');
    expect(uncounted).toMatchObject({ code: 1, stdout: '' });
    expect(uncounted.stderr).toMatch(/report\.json: No intervals are detected: text has 64 of 128/);
    expect(unread.stderr).toMatch(/No intervals are detected; found text has 64 of 128 fitted.*--rows all/);
    expect(tooMany).toMatchObject({ code: 1, stdout: '' });
    expect(tooMany.stderr).toMatch(/--remove 2; expected at most [01]/);

    const enough = await inside(
      'analyse tiny --samples 16 --timesteps 2 --seed 5 --out report.json --engine wasm'.split(' '),
    );
    expect(enough.stderr).toContain('Held out: 4 of 16 prompts');
    expect(enough.stderr).toMatch(/found in resamples \(200 of \d+ held-out prompt groups\): 0–1 \d+ %/);
    const compared = await contigua(['compare', 'report.json', 'report.json']);
    expect(compared.stdout).toMatch(/^interval {2}found by {2}A +B\n0–1 +2 of 2 +yes \(\d+ %\) +yes/);
    expect(await contigua(['compare', 'report.json'])).toMatchObject({ code: 2, stdout: '' });

    const best = await inside('plan tiny --report report.json --remove 1 --choice least-damage'.split(' '));
    expect(parseRunPlan(best.stdout, 'plan.json').edits).toMatchObject([{ first: 0, last: 1 }]);

    const [budgeted, front, impossible] = await Promise.all([
      inside('plan tiny --report report.json --budget params=80%'.split(' ')),
      inside('plan tiny --report report.json --budget flops=100% --front --json'.split(' ')),
      inside('plan tiny --report report.json --budget params=1%'.split(' ')),
    ]);
    expect(parseRunPlan(budgeted.stdout, 'plan.json').edits).toMatchObject([{ first: 0, last: 1 }]);
    expect(budgeted.stderr).toMatch(/parameters: 331 k parameters → \d+ k parameters/);
    expect(JSON.parse(front.stdout)).toMatchObject({ kind: 'flops', front: [{ intervals: '0-1' }, { intervals: '' }] });
    expect(impossible).toMatchObject({ code: 1, stdout: '' });
    expect(impossible.stderr).toMatch(/No plan meets the budget; found params=1%; expected \d+ k parameters or more/);

    const planned = (options: string) => inside(['plan', 'tiny', ...options.split(' ')]);
    const [removed, probes, students, earlier, letters, over] = await Promise.all([
      planned('--intervals [[0,1]]'),
      planned('--intervals [[0,1]] --by probes --report report.json'),
      planned('--remove 1 --choice least-damage --report report.json --by student'),
      planned('--intervals [[0,1]] --replacement probes --report report.json'),
      planned('--intervals 0-1p --by student --report report.json'),
      planned('--intervals 0-1 --by student'),
    ]);
    const by = ({ stdout }: { stdout: string }) => parseRunPlan(stdout, 'plan.json').edits.map((edit) => edit.by);
    expect([removed, probes, students, earlier, letters, over].flatMap(by)).toEqual([
      'nothing',
      'probes',
      'student',
      'probes',
      'probes',
      'student',
    ]);
    // The words of version 1 mean the same, and so does a letter.
    expect([earlier.stdout, letters.stdout]).toEqual([probes.stdout, probes.stdout]);

    const retrained = await tinyModel((tensors) =>
      tensors.map((tensor) =>
        tensor.name === 'img_in.weight' ? { ...tensor, bytes: tensor.bytes.map((b) => b & 0xf0) } : tensor,
      ),
    );
    await writeModel('retrained', retrained);
    const foreign = await inside('plan retrained --report report.json --remove 2'.split(' '));
    expect(foreign).toMatchObject({ code: 1, stdout: '' });
    expect(foreign.stderr).toMatch(/report\.json: The report is of another model; found tiny.*expected retrained/);
  });

  it('stops at Ctrl-C with 130, writing nothing', async () => {
    const { code, stderr } = await contigua(
      'analyse tiny --samples 512 --timesteps 8 --out stopped.json --engine cpu'.split(' '),
      { interruptOn: /SYNTHETIC/ },
    );
    expect(code).toBe(130);
    expect(stderr).toContain('Stopped.');
    expect(await readdir(folder)).not.toContain('stopped.json');
  });

  it('tells how it is used', async () => {
    const [all, one, forward, version] = await Promise.all([
      inside(['--help']),
      inside(['plan', '--help']),
      inside(['forward', '--help']),
      contigua(['--version']),
    ]);
    expect([all.code, one.code, forward.code, version.code]).toEqual([0, 0, 0, 0]);
    for (const command of ['inspect', 'forward', 'analyse', 'plan'])
      expect(all.stdout).toContain(`contigua ${command}`);
    expect(one.stdout).toContain('--config-out');
    expect(forward.stdout).toMatch(/Stable Diffusion 3 .*\[B, in_channels, H, W\][\s\S]*pooled_projections/);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    ['no command', '', /No command given; expected inspect, forward, analyse, capture, compare, plan/],
    ['an unknown command', 'prune tiny', /no command "prune"/],
    ['no model', 'inspect', /One MODEL is needed/],
    ['an unknown option', 'inspect tiny --fast', /Unknown option '--fast'/],
    ['a missing option', 'forward tiny --inputs in.safetensors', /--out is needed/],
    ['an unknown engine', 'forward tiny --inputs a --out b --engine cuda', /--engine.*found cuda; expected auto/],
    ['a count that is none', 'analyse tiny --samples many', /--samples does not fit; found many/],
    ['more samples than fit', 'analyse tiny --samples 99999999', /found 99999999; expected .* 2 to 16,384/],
    ['two ways to choose', 'plan tiny --intervals [[0,1]] --remove 1', /exclude each other/],
    ['two budgets', 'plan tiny --budget params=80% --remove 1 --report report.json', /exclude each other/],
    ['two words for one', 'plan tiny --intervals [[0,1]] --by probes --replacement removed', /say the same/],
    [
      'a word of no version',
      'plan tiny --intervals [[0,1]] --by removed',
      /--by.*found removed; expected nothing, probes, linear, student/,
    ],
    [
      'an earlier word that was none',
      'plan tiny --intervals [[0,1]] --replacement student',
      /--replacement.*expected removed, probes/,
    ],
    ['a letter that is none', 'plan tiny --intervals 0-1x', /--intervals: Intervals are not readable; found 0-1x/],
    ['a budget without a report', 'plan tiny --remove 1', /needs the --report/],
    ['intervals that are none', 'plan tiny --intervals [[0,7]]', /--intervals: Not an interval of this model.*\[0,7\]/],
  ])('ends with 2 for %s', async (_, line, message) => {
    const { code, stdout, stderr } = await contiguaInside(line.split(' ').filter(Boolean), folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('ends with 1 for a model or an input that is wrong, and names what', async () => {
    const misshapen = await tinyModel((tensors: TensorToWrite[]) =>
      tensors.map((tensor) => (tensor.name === 'proj_out.bias' ? { ...tensor, shape: [4, 4] } : tensor)),
    );
    await writeModel('misshapen', misshapen);
    await mkdir(join(folder, 'empty'));
    await writeFile(join(folder, 'escape.json'), '\u001b[2J');
    await writeFile(join(folder, 'torn.safetensors'), tiny.inputs.subarray(0, 100));
    const ended = await Promise.all(
      [
        'inspect nowhere',
        'inspect empty',
        'inspect misshapen',
        'forward tiny --inputs torn.safetensors --out never.safetensors --engine cpu',
        'forward tiny --inputs absent.safetensors --out never.safetensors --engine cpu',
        'forward tiny --inputs in.safetensors --out no/such/folder.safetensors --engine cpu',
        'analyse tiny --out no/such/report.json --engine cpu',
        'plan tiny --report absent.json --remove 1',
        'plan tiny --report escape.json --remove 1',
        'plan tiny --intervals [[0,1]] --config-out no/such/config.json',
        'inspect tiny --json --engine webgpu',
      ].map((line, place) => (place === 0 ? contigua : inside)(line.split(' '))),
    );
    expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 1));
    const messages = [
      /nowhere: There is no such folder/,
      /There are no files/,
      /proj_out\.bias.*\[4, ?4\].*\[16\]/,
      /torn\.safetensors/,
      /absent\.safetensors: There is no such file/,
      /no\/such\/folder\.safetensors: The file cannot be written/,
      /^contigua: no\/such\/report\.json: The file cannot be written/,
      /absent\.json: The file cannot be read/,
      /escape\.json: The file is not JSON; found [^\p{Cc}]*\\x1b/u,
      /no\/such\/config\.json: The file cannot be written/,
      /engine "webgpu" cannot run here/,
    ];
    for (const [i, message] of messages.entries()) expect(ended[i]?.stderr).toMatch(message);
    expect(await readdir(folder)).not.toContain('never.safetensors');
  });
});

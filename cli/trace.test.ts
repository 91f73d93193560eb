/** Traces on the command line. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReport } from '../lib/core/report/index.ts';
import { contiguaInside, spawnContigua } from './contigua-fixtures.ts';

const TESTING = fileURLToPath(new URL('../lib/testing/', import.meta.url));
const TRACE = join(TESTING, 'traces/flux/trace.safetensors');

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contigua-cli-trace-'));
});
afterAll(() => rm(folder, { recursive: true }));

const contigua = (...argv: string[]) => contiguaInside(argv, folder);

describe('contigua with a trace', () => {
  it('analyses it without the model, named as MODEL or with --trace', async () => {
    const { code, stderr } = await contigua('analyse', TRACE, '--engine', 'cpu', '--out', 'report.json');
    expect(stderr).toContain('calibration: trace.safetensors: 24 samples of 8 prompts at 3 time steps');
    expect(stderr).toContain('A trace holds no weights: no damage was measured');
    expect(code).toBe(0);
    const report = parseReport(await readFile(join(folder, 'report.json'), 'utf8'), 'report.json');
    expect(report.calibration.kind).toBe('trace');
    const other = await contigua('analyse', '--trace', TRACE, '--engine', 'cpu');
    expect(parseReport(other.stdout, 'stdout').streams).toEqual(report.streams);
  });

  it('is estimated, and refused where the memory is too little', async () => {
    const { code, stdout, stderr } = await contigua(
      'analyse',
      TRACE,
      '--engine',
      'cpu',
      '--states',
      'kept',
      '--estimate',
    );
    expect(code).toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(
      /estimate: about [\d.]+ s \(reading .*, probes .*, similarity .*\)\n {2}tokens: 96 of image, 96 of text\n {2}memory: .*\n {2}disk: .*; read of the trace: /,
    );
    const refused = await contigua('analyse', TRACE, '--engine', 'cpu', '--memory', '20MB');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /does not fit the memory that is allowed; found 20 MB allowed; expected at least \d+ MB.*name a folder for states \(--states\)/,
    );
  });

  it('is read on some of its rows where --tokens asks for it', async () => {
    const asked = ['analyse', TRACE, '--engine', 'cpu', '--tokens', '72'];
    const { code, stdout, stderr } = await contigua(...asked);
    expect(code).toBe(0);
    expect(stderr).toContain('tokens read: 72 of 96 image, 72 of 96 text');
    expect(parseReport(stdout, 'stdout').settings.tokens).toBe(72);
    expect((await contigua(...asked, '--estimate')).stderr).toContain('tokens: 72 of image, 72 of text');
  });

  it('says what does not go with it', async () => {
    const ablation = await contigua('analyse', TRACE, '--engine', 'cpu', '--ablation', 'blocks');
    expect(ablation).toMatchObject({ code: 2 });
    expect(ablation.stderr).toContain('--ablation needs the weights of the model, and a trace holds none');
    const samples = await contigua('analyse', TRACE, '--engine', 'cpu', '--samples', '8');
    expect(samples.stderr).toContain('--samples does not go with a trace, which brings its own samples');
    const both = await contigua('analyse', 'model', '--trace', TRACE);
    expect(both).toMatchObject({ code: 2 });
    expect(both.stderr).toContain('--trace takes the place of MODEL');
  });

  it('captures one of its own, which it analyses', async () => {
    const model = join(TESTING, 'models/qwen-image');
    const written = await spawnContigua(
      ['capture', model, '--out', 'own', '--samples', '16', '--engine', 'cpu', '--intervals', '0-1'],
      folder,
    );
    expect(written).toMatchObject({ code: 0 });
    expect(written.stderr).toMatch(
      /wrote own: trace\.safetensors \([\d.]+ MB\), calibration\.safetensors \(.*\), boundaries\.safetensors/,
    );
    const outside = await contigua('capture', model, '--out', 'outside', '--intervals', '0-9', '--engine', 'cpu');
    expect(outside.code).not.toBe(0);
    expect(outside.stderr).toContain('--intervals');
    const { code, stdout } = await contigua('analyse', 'own', '--engine', 'cpu');
    expect(code).toBe(0);
    const { model: of } = parseReport(stdout, 'stdout');
    const { stdout: inspected } = await contigua('inspect', model, '--json');
    expect(of.fingerprint).toBe(JSON.parse(inspected).fingerprint);
  });
});

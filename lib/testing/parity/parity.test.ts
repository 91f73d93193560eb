/**
 * Cases of tools/fuzz-parity with diffusers' output, so that every engine is held to them without Python: stored types, shards, and
 * arguments that diffusers runs and no pipeline passes. Each folder's golden.json names the command that wrote it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { nodeFiles } from '../../compute/folder/node-files.ts';
import { readForwardInputs } from '../../core/capture/index.ts';
import { openFile } from '../../core/checkpoint/index.ts';
import { openModel } from '../../core/folder/open-model.ts';
import { openTransformer, sampleOf } from '../../core/model/index.ts';
import { describePerEngine } from '../../core/tensor/test-engines.ts';

interface Golden {
  readonly generator: string;
  readonly tolerance: number;
  readonly traits: readonly string[];
}
const here = new URL('./', import.meta.url);
const goldens = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => {
    const folder = new URL(`${name}/`, here);
    const golden: Golden = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8'));
    return [name, golden.traits.join(', '), folder, golden] as const;
  });

describePerEngine(['cpu', 'wasm', 'tensorflow'], 'the forward pass', () => {
  test.each(goldens)('of %s gives diffusers’ output (%s)', async (name, _, folder, { tolerance, generator }) => {
    const file = (path: string) => nodeFiles.openFile(new URL(path, folder).href, path);
    const files = await nodeFiles.openFolder(new URL('model/', folder).href);
    const { config, checkpoint } = await openModel({ files, name });
    const inputs = await readForwardInputs(await file('inputs.safetensors'), config);
    const expected = await (await openFile(await file('expected.safetensors'))).readFloat32('sample');
    const transformer = await openTransformer(config, checkpoint);
    const { values: found } = sampleOf(await transformer.forward(inputs), inputs, config);
    transformer.dispose();
    const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const worst = expected.reduce((most, value, i) => Math.max(most, Math.abs(found[i]! - value)), 0);
    expect(found).toHaveLength(expected.length);
    expect(worst / size, `written by \`${generator}\``).toBeLessThanOrEqual(tolerance);
  });
});

/**
 * The fingerprint of every model that version 1 opens stays what it is: reports, plans, runs and students go by it. The
 * list holds every key that takes part, present, absent and null, and every way of storing the same weights.
 */
import { describe, expect, it } from 'vitest';
import { nodeFiles } from '../../../compute/folder/node-files.ts';
import { fingerprintOf, openCheckpoint } from '../../../core/checkpoint/index.ts';
import { openModel } from '../../../core/folder/open-model.ts';
import { familyNamed, parseModelConfig } from '../../../core/model/config-index.ts';
import { shapesTiny, sixtyBlocks, textUnread } from '../models.ts';
import { jsonOf } from '../read-fixture.ts';
import { type FingerprintedModel, filesOf } from './checkpoints.ts';

const models = jsonOf<Record<string, FingerprintedModel>>('fingerprints/fingerprints.json');
const SAMPLE = new URL('../../../../public/models/shapes-mmdit/', import.meta.url);

async function fingerprintOfFiles(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): Promise<string> {
  const blobs = Object.entries(files).map(([path, bytes]) => ({ path, blob: new Blob([bytes]) }));
  const { raw, family } = parseModelConfig(new TextDecoder().decode(files['config.json']), 'config.json');
  return await fingerprintOf(familyNamed(family).identity, raw, await openCheckpoint(blobs));
}

const inTransformer = (files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>) =>
  Object.fromEntries(Object.entries(files).map(([path, bytes]) => [path.replace('transformer/', ''), bytes]));

describe('a fingerprint of version 1', () => {
  it('is the bundled sample’s', async () => {
    const { summary } = await openModel({ files: await nodeFiles.openFolder(SAMPLE.href), name: 'shapes-mmdit' });
    expect(summary.fingerprint).toBe('sha256:8f93af2a728eb8cf41415a8805ae743b14c6ad6459473042e43d2988f7ad6a5c');
  });

  it.each([
    ['shapes-tiny', inTransformer(shapesTiny()), 'a8162fc844829001d545a9b1519f26e6fb1ccc3619cfc4ef246c09279bd49ee8'],
    ['text-unread', textUnread(), 'ce9c6fd7b657fbde1204fdcba8f8ef2dda4f88ec2499b82b8960fd4d8c5cfcf0'],
    ['sixty-blocks', sixtyBlocks(), '8c66edac33c5347269a86bc102147c6fb7ab1d6d6c13f109aa43cb01676950f1'],
  ])('is that of %s, which reports and runs here are about', async (_, files, hex) => {
    expect(await fingerprintOfFiles(files)).toBe(`sha256:${hex}`);
  });

  it.each(Object.entries(models).map(([name, model]) => [`${name} (${model.about})`, model] as const))(
    'is unchanged: %s',
    async (_, model) => {
      expect(await fingerprintOfFiles(filesOf(model))).toBe(model.fingerprint);
    },
  );

  it('is not changed by switches of later forms that are off, and is another model’s where one is on', async () => {
    const { fingerprint, ...whole } = models.whole!;
    const withKeys = (keys: object) =>
      fingerprintOfFiles(filesOf({ ...whole, config: JSON.stringify({ ...JSON.parse(whole.config), ...keys }) }));
    const off = { zero_cond_t: false, use_layer3d_rope: null, use_additional_t_cond: false, guidance_embeds: true };
    expect(await withKeys(off)).toBe(fingerprint);
    const on = await Promise.all([{ zero_cond_t: true }, { use_layer3d_rope: true }].map(withKeys));
    expect(new Set([fingerprint, ...on]).size).toBe(3);
  });

  it('is not changed by the option that shares modulations where it is absent or null, and tells its values apart', async () => {
    const { fingerprint, ...whole } = models.whole!;
    const sharing = (shared_modulation: unknown) =>
      fingerprintOfFiles(
        filesOf({ ...whole, config: JSON.stringify({ ...JSON.parse(whole.config), shared_modulation }) }),
      );
    expect(await sharing(null)).toBe(fingerprint);
    const tables = await Promise.all(
      [
        [1, 0.5],
        [1, 0.25],
      ].map((timesteps) => sharing([{ blocks: [0], timesteps }])),
    );
    expect(new Set([fingerprint, ...tables]).size).toBe(3);
  });

  it('tells what changes it from what does not', () => {
    const whole = models.whole?.fingerprint;
    const same = Object.entries(models).flatMap(([name, { fingerprint }]) => (fingerprint === whole ? [name] : []));
    expect(same).toEqual([
      'whole',
      'more-keys',
      'other-order',
      'numbers-with-points',
      'guidance-null',
      'shards',
      'reversed',
      'retrained-first-matrix',
      'retrained-second-bias',
    ]);
    for (const [absent, isNull] of [
      ['no-patch-size', 'patch-size-null'],
      ['no-out-channels', 'out-channels-null'],
      ['no-in-channels', 'in-channels-null'],
      ['no-heads', 'heads-null'],
      ['no-head-dim', 'axes-null'],
    ] as const) {
      expect(models[absent]?.fingerprint).toBe(models[isNull]?.fingerprint);
    }
  });
});

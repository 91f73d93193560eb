import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it, test } from 'vitest';
import { originalFile, originalTensors } from '../../testing/original-file.ts';
import { STORED, storedBytes, storedCase } from '../../testing/stored/index.ts';
import { ggufFile } from '../checkpoint/gguf/testing.ts';
import { fingerprintOf, type NamedBlob, openCheckpoint, writeSafetensors } from '../checkpoint/index.ts';
import { countingReads, named } from '../checkpoint/testing.ts';
import { ContiguaError } from '../errors.ts';
import { describePerEngine } from '../tensor/test-engines.ts';
import type { RawConfig } from './architecture.ts';
import { checkWeights } from './check-weights.ts';
import { familyNamed } from './families.ts';
import { FLUX_LAYOUTS } from './flux/original.ts';
import { FLUX2_LAYOUTS } from './flux2/original.ts';
import { goldenModel } from './golden-fill.ts';
import { architectureOf, openTransformer } from './index.ts';
import type { OriginalLayout } from './original-layout.ts';
import { QWEN_IMAGE_LAYOUTS } from './qwen-image/original.ts';
import { SD3_LAYOUTS } from './sd3/original.ts';
import { openStoredModel } from './stored-model.ts';

const [blackForestLabs, fluxOfDiffusers] = FLUX_LAYOUTS as [OriginalLayout, OriginalLayout];
const [flux2OfBlackForestLabs, flux2OfDiffusers] = FLUX2_LAYOUTS as [OriginalLayout, OriginalLayout];
const [stabilityAI] = SD3_LAYOUTS as unknown as [OriginalLayout];
const [qwenOfDiffusers] = QWEN_IMAGE_LAYOUTS as [OriginalLayout];
/** What published configs have, with heads of the published size: a file implies all of it. */
const FLUX: RawConfig = {
  _class_name: 'FluxTransformer2DModel',
  attention_head_dim: 128,
  guidance_embeds: true,
  in_channels: 4,
  joint_attention_dim: 24,
  num_attention_heads: 1,
  num_layers: 1,
  num_single_layers: 2,
  patch_size: 1,
  pooled_projection_dim: 8,
};
const FLUX2: RawConfig = {
  _class_name: 'Flux2Transformer2DModel',
  attention_head_dim: 128,
  axes_dims_rope: [32, 32, 32, 32],
  eps: 1e-6,
  guidance_embeds: true,
  in_channels: 4,
  joint_attention_dim: 24,
  mlp_ratio: 3,
  num_attention_heads: 1,
  num_layers: 1,
  num_single_layers: 2,
  patch_size: 1,
  rope_theta: 2000,
  timestep_guidance_channels: 256,
};
const QWEN: RawConfig = {
  _class_name: 'QwenImageTransformer2DModel',
  attention_head_dim: 128,
  axes_dims_rope: [16, 56, 56],
  guidance_embeds: false,
  in_channels: 16,
  joint_attention_dim: 24,
  num_attention_heads: 1,
  num_layers: 2,
  out_channels: 4,
  patch_size: 2,
};

/** Two blocks with dual attention before a last one without the text's output. */
const SD3: RawConfig = {
  _class_name: 'SD3Transformer2DModel',
  attention_head_dim: 8,
  caption_projection_dim: 32,
  dual_attention_layers: [0, 1],
  in_channels: 4,
  joint_attention_dim: 16,
  num_attention_heads: 4,
  num_layers: 3,
  out_channels: 4,
  patch_size: 2,
  pooled_projection_dim: 24,
  pos_embed_max_size: 12,
  qk_norm: 'rms_norm',
  sample_size: 128,
};

const configOf = (raw: RawConfig): NamedBlob => named('config.json', JSON.stringify(raw));
const file = (content: Uint8Array<ArrayBuffer>, path = 'model.safetensors') => [named(path, content)];
const refusal = async (weights: NamedBlob[], config: NamedBlob | null = null): Promise<ContiguaError> => {
  try {
    await openStoredModel(config, weights);
  } catch (thrown) {
    if (thrown instanceof ContiguaError) return thrown;
    throw thrown;
  }
  throw new Error('The file was accepted');
};
const empty = (name: string, shape: number[] = []) => {
  const bytes = new Uint8Array(4 * shape.reduce((product, n) => product * n, 1));
  return { name, dtype: 'F32' as const, shape, bytes };
};

describePerEngine(['cpu', 'wasm'], 'models as people store them', () => {
  const ORIGINAL = { original: blackForestLabs, 'flux2-original': flux2OfBlackForestLabs };
  test.each([...STORED, 'original', 'flux2-original'] as const)(
    '%s: gives the output of diffusers on the same weights',
    async (name) => {
      const { config, inputs, expected, tolerance, checkpoint } = storedCase(name);
      const [path, content] =
        name === 'original' || name === 'flux2-original'
          ? ['model.safetensors', await originalFile({ config, checkpoint }, ORIGINAL[name])]
          : [name, storedBytes(name)];
      const stored = await openStoredModel(configOf(config.raw), file(content, path));
      const before = tf.memory().numTensors;
      const transformer = await openTransformer(stored.config, stored.checkpoint);
      const output = await transformer.forward(inputs);
      transformer.dispose();
      expect(tf.memory().numTensors).toBe(before);
      expect(output).toHaveLength(expected.length);
      const worst = Math.max(
        ...expected.map((value, i) => Math.abs(output[i]! - value) / Math.max(1, Math.abs(value))),
      );
      expect(worst).toBeLessThan(tolerance);
    },
  );
});

describe('single files', () => {
  it.each<[string, RawConfig, OriginalLayout, string]>([
    ['FLUX.1 of Black Forest Labs', FLUX, blackForestLabs, ''],
    ['FLUX.1 of Black Forest Labs with other output channels', { ...FLUX, out_channels: 2 }, blackForestLabs, ''],
    ['FLUX.1 of Black Forest Labs without guidance', { ...FLUX, guidance_embeds: false }, blackForestLabs, ''],
    ['FLUX.1 in a ComfyUI checkpoint', FLUX, blackForestLabs, 'model.diffusion_model.'],
    ['FLUX.1 under diffusers’ names', FLUX, fluxOfDiffusers, ''],
    ['FLUX.2 of Black Forest Labs', FLUX2, flux2OfBlackForestLabs, ''],
    [
      'FLUX.2 klein in a ComfyUI checkpoint',
      { ...FLUX2, guidance_embeds: false, mlp_ratio: 2.5 },
      flux2OfBlackForestLabs,
      'model.diffusion_model.',
    ],
    ['FLUX.2 without dual-stream blocks', { ...FLUX2, num_layers: 0 }, flux2OfBlackForestLabs, ''],
    ['FLUX.2 under diffusers’ names', { ...FLUX2, out_channels: 2 }, flux2OfDiffusers, ''],
    ['Qwen-Image under diffusers’ names', QWEN, qwenOfDiffusers, ''],
    ['SD3.5 of Stability AI', SD3, stabilityAI, ''],
    ['SD3.5 in a ComfyUI checkpoint', SD3, stabilityAI, 'model.diffusion_model.'],
    ['Qwen-Image of ComfyUI', QWEN, qwenOfDiffusers, 'model.diffusion_model.'],
  ])(
    'of %s: every weight and the config are those of the diffusers folder, and so is the fingerprint',
    async (_, raw, layout, wrapper) => {
      const model = goldenModel(raw);
      const stored = await openStoredModel(null, file(await originalFile(model, layout, wrapper)));
      expect(stored.config.raw).toEqual(raw);
      expect(stored.layout).toBe(layout.label);
      const identity = familyNamed(model.config.family).identity;
      expect(await fingerprintOf(identity, stored.config.raw, stored.checkpoint)).toBe(
        await fingerprintOf(identity, raw, model.checkpoint),
      );
      for (const name of model.checkpoint.tensors.keys()) {
        // `toEqual` takes seconds for as many values.
        const [found, expected] = [await stored.checkpoint.readFloat32(name), await model.checkpoint.readFloat32(name)];
        expect([name, Buffer.compare(Buffer.from(found.buffer), Buffer.from(expected.buffer))]).toEqual([name, 0]);
      }
    },
  );

  it.each([
    ['an empty tensor', [0], ''],
    ['an empty tensor of a checkpoint', [0], 'model.diffusion_model.'],
    ['a number, as scaled files have it', [], ''],
  ])('of Qwen-Image are of Edit-2511 where ComfyUI’s mark says so: %s', async (_, shape, wrapper) => {
    const marked = await originalFile(goldenModel(QWEN), qwenOfDiffusers, wrapper, (all) => [
      ...all,
      empty(`${wrapper}__index_timestep_zero__`, shape),
    ]);
    const { config, checkpoint } = await openStoredModel(null, file(marked));
    expect(config.raw).toEqual({ ...QWEN, zero_cond_t: true });
    expect(checkpoint.tensors.has('__index_timestep_zero__')).toBe(false);
    await expect(openTransformer(config, checkpoint)).resolves.toBeDefined();
  });

  it('with the other parts of a checkpoint open, and these are left alone', async () => {
    const others = [
      'vae.encoder.conv_in.weight',
      'text_encoders.t5xxl.transformer.shared.weight',
      'first_stage_model.x',
    ];
    const content = await originalFile(goldenModel(FLUX), blackForestLabs, 'model.diffusion_model.', (all) => [
      ...all,
      ...others.map((name) => empty(name, [2])),
    ]);
    const { checkpoint, config } = await openStoredModel(null, file(content));
    expect(checkpoint.tensors.size).toBe(goldenModel(FLUX).checkpoint.tensors.size);
    await expect(openTransformer(config, checkpoint)).resolves.toBeDefined();
  });

  it('are read in place: opening reads the header, a block reads its own rows', async () => {
    const content = await originalFile(goldenModel(FLUX), blackForestLabs);
    const { blob, reads } = countingReads(new Blob([content]));
    const { checkpoint, config } = await openStoredModel(null, [{ path: 'model.safetensors', blob }]);
    expect(reads.every(([, end]) => end <= 128 * 1024)).toBe(true);
    reads.length = 0;
    const [block] = architectureOf(config).blocks;
    let bytes = 0;
    for await (const { values } of checkpoint.readEach(block?.tensors.map(({ name }) => block.prefix + name) ?? [])) {
      bytes += 4 * values.length;
    }
    const read = reads.reduce((sum, [start, end]) => sum + end - start, 0);
    expect(bytes).toBe(4 * (block?.parameters ?? 0));
    expect(read).toBeLessThan(1.1 * bytes);
  });

  it('name a weight of a wrong shape or type as the file does, and as diffusers does', async () => {
    const tensors = await originalTensors(goldenModel(FLUX), blackForestLabs);
    const wrong = 'double_blocks.0.img_mlp.0.weight';
    const content = writeSafetensors(
      tensors.map((tensor) => (tensor.name === wrong ? { ...tensor, dtype: 'I32' as const } : tensor)),
    );
    const { config, checkpoint } = await openStoredModel(null, file(new Uint8Array(content)));
    expect(() => checkWeights(checkpoint, config)).toThrow(`${wrong} (transformer_blocks.0.ff.net.0.proj.weight)`);
  });

  it('of two models are refused, both named', async () => {
    const both = writeSafetensors([
      ...(await originalTensors(goldenModel(FLUX), blackForestLabs, 'model.diffusion_model.')),
      ...(await originalTensors(goldenModel(QWEN), qwenOfDiffusers)),
    ]);
    const error = await refusal(file(new Uint8Array(both)));
    expect(error.code).toBe('checkpoint-unsupported');
    expect(error.message).toMatch(/more than one model; found Qwen-Image.*FLUX\.1.*expected one/);
  });

  it('of FLUX.1 and of FLUX.2 are told apart, though their blocks have the same names', async () => {
    const names = async (raw: RawConfig, layout: OriginalLayout) =>
      (await originalTensors(goldenModel(raw), layout)).map(({ name }) => name);
    const [first, second] = [await names(FLUX, blackForestLabs), await names(FLUX2, flux2OfBlackForestLabs)];
    const shared = second.filter((name) => first.includes(name));
    expect(shared).toContain('double_blocks.0.img_attn.qkv.weight');
    expect(blackForestLabs.keys.every((key) => second.includes(key))).toBe(false);
    expect(flux2OfBlackForestLabs.keys.every((key) => first.includes(key))).toBe(false);
  });

  it('of GGUF in parts are refused, whatever a part is called, with the command that joins them', async () => {
    const part = 'flux1-dev-00001-of-00002.gguf';
    const content = ggufFile({ numbers: [{ key: 'split.count', value: 2 }] });
    for (const path of [part, 'renamed.gguf']) {
      const error = await refusal(file(content, path));
      expect(error.code).toBe('checkpoint-unsupported');
      expect(error.message).toMatch(new RegExp(`^${path}: .*split in parts.*llama-gguf-split --merge`));
    }
    const both = [...file(content, part), ...file(content, part.replace('00001', '00002'))];
    expect((await refusal(both)).message).toMatch(/split in parts/);
  });

  it.each<[string, string, RegExp]>([
    ['Chroma', 'distilled_guidance_layer.in_proj.weight', /found Chroma; expected .*FLUX\.1/],
    ['a language model', 'blk.0.attn_q.weight', /found a language model/],
    ['nothing that is known', 'some.tensor', /found some\.tensor; expected Qwen/],
  ])('of %s are refused, with what could be opened', async (_, name, message) => {
    const error = await refusal(file(new Uint8Array(writeSafetensors([empty(name, [2])]))));
    expect(error.code).toBe('checkpoint-unsupported');
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/`transformer` folder/);
  });

  it('that do not say how positions are divided need a config.json, and say so', async () => {
    const { config, checkpoint } = storedCase('original');
    const content = await originalFile({ config, checkpoint }, blackForestLabs);
    const error = await refusal(file(content));
    expect(error.code).toBe('config-invalid');
    expect(error.message).toMatch(/query_norm\.scale: .*heads of 16.*config\.json.*beside the file/);
  });

  it.each<[string, (name: string) => boolean, RegExp]>([
    ['without a weight', (name) => name === 'txt_in.weight', /txt_in\.weight: A weight is missing/],
    [
      'with a gap in their blocks',
      (name) => name.startsWith('single_blocks.0.'),
      /single_blocks\.1\..*blocks behind those that are used|found block 1/,
    ],
  ])('%s are refused by name', async (_, left, message) => {
    const content = await originalFile(goldenModel(FLUX), blackForestLabs, '', (all) =>
      all.filter(({ name }) => !left(name)),
    );
    const opened = openStoredModel(null, file(content)).then(({ config, checkpoint }) =>
      openTransformer(config, checkpoint),
    );
    await expect(opened).rejects.toThrow(message);
  });

  it('whose fused weights have other rows than their parts are refused', async () => {
    const wider = 'single_blocks.1.linear1.bias';
    const content = await originalFile(goldenModel(FLUX), blackForestLabs, '', (all) =>
      all.map((tensor) => (tensor.name === wider ? empty(wider, [8 * 128]) : tensor)),
    );
    const error = await refusal(file(content));
    expect(error.message).toMatch(/single_blocks\.1\.linear1\.bias: .*other rows than its parts.*\[1024\].*896 rows/);
    const narrower = await originalFile(goldenModel(FLUX), blackForestLabs, '', (all) =>
      all.map((tensor) => (tensor.name === wider ? empty(wider, [3 * 128]) : tensor)),
    );
    expect((await refusal(file(narrower))).message).toMatch(/too few rows; found \[384\]; expected at least 896 rows/);
  });
});

describe('a folder', () => {
  it('of an original layout opens with its config.json, though some names are those of diffusers', async () => {
    const model = goldenModel(SD3);
    const stored = await openStoredModel(configOf(SD3), file(await originalFile(model, stabilityAI)));
    expect(stored.layout).toBe(stabilityAI.label);
    expect([...stored.checkpoint.tensors.keys()].sort()).toEqual([...model.checkpoint.tensors.keys()].sort());
  });

  it('of SD3 maps the halves of the final layer and of the last block’s text swapped, as diffusers converts them', () => {
    const { config } = goldenModel(SD3);
    const swapped = [
      [32, 64],
      [0, 32],
    ];
    expect(stabilityAI.source('norm_out.linear.weight', config)).toEqual({
      name: 'final_layer.adaLN_modulation.1.weight',
      rows: swapped,
    });
    const text = (block: number) => stabilityAI.source(`transformer_blocks.${block}.norm1_context.linear.bias`, config);
    expect(text(2)).toEqual({ name: 'joint_blocks.2.context_block.adaLN_modulation.1.bias', rows: swapped });
    expect(text(1)).toEqual({ name: 'joint_blocks.1.context_block.adaLN_modulation.1.bias' });
    expect(stabilityAI.source('transformer_blocks.1.attn2.to_k.weight', config)).toEqual({
      name: 'joint_blocks.1.x_block.attn2.qkv.weight',
      rows: [[32, 64]],
    });
  });

  it('with diffusers’ names stays as it is, tensors that nothing uses included', async () => {
    const { config, checkpoint } = goldenModel(QWEN);
    const tensors = [...(await originalTensors({ config, checkpoint }, qwenOfDiffusers)), empty('extra', [1])];
    const weights = file(new Uint8Array(writeSafetensors(tensors)));
    const stored = await openStoredModel(configOf(QWEN), weights);
    expect(stored.layout).toBeNull();
    expect([...stored.checkpoint.tensors.keys()]).toEqual([...(await openCheckpoint(weights)).tensors.keys()]);
  });
});

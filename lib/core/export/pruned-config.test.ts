import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ContiguaError } from '../errors.ts';
import { CONFIG_FILE, layerIndexString, PLAN_FILE, prunedConfig } from './index.ts';

const config = {
  patch_size: 2,
  _diffusers_version: '0.34.0.dev0',
  _class_name: 'QwenImageTransformer2DModel',
  num_layers: 60,
  axes_dims_rope: [16, 56, 56],
  guidance_embeds: false,
  out_channels: null,
  pooled_projection_dim: 768,
  trained_by: { name: 'Zoë', empty: [] },
};
const model = { family: 'qwen-image', numBlocks: 60, config };
const intervals = [
  { first: 3, last: 4 },
  { first: 5, last: 7 },
];

describe('prunedConfig', () => {
  it('changes num_layers alone and writes as diffusers does: sorted, two spaces, ASCII', () => {
    expect(prunedConfig(model, intervals)).toBe(`{
  "_class_name": "QwenImageTransformer2DModel",
  "_diffusers_version": "0.34.0.dev0",
  "axes_dims_rope": [
    16,
    56,
    56
  ],
  "guidance_embeds": false,
  "num_layers": 57,
  "out_channels": null,
  "patch_size": 2,
  "pooled_projection_dim": 768,
  "trained_by": {
    "empty": [],
    "name": "Zo\\u00eb"
  }
}
`);
  });

  it("gives the sample's own config back, byte for byte as diffusers wrote it, when nothing is taken out", () => {
    const url = new URL('../../../public/models/shapes-mmdit/transformer/config.json', import.meta.url);
    const text = readFileSync(url, 'utf8');
    const sample = z.record(z.string(), z.unknown()).parse(JSON.parse(text));
    expect(prunedConfig({ numBlocks: 16, config: sample }, [])).toBe(text);
  });

  it('says how many layers there are even where the config relied on the default', () => {
    const text = prunedConfig({ ...model, config: { _class_name: 'QwenImageTransformer2DModel' } }, intervals);
    expect(JSON.parse(text)).toEqual({ _class_name: 'QwenImageTransformer2DModel', num_layers: 57 });
  });

  it('leaves the model’s own config as it was', () => {
    prunedConfig(model, intervals);
    expect(config.num_layers).toBe(60);
  });

  it('counts the blocks of each stack where a family has several', () => {
    const flux = {
      _class_name: 'FluxTransformer2DModel',
      num_layers: 19,
      num_single_layers: 38,
      guidance_embeds: true,
    };
    const cut = [
      { first: 3, last: 5 },
      { first: 19, last: 22 },
      { first: 50, last: 56 },
    ];
    expect(JSON.parse(prunedConfig({ numBlocks: 57, config: flux }, cut))).toEqual({
      ...flux,
      num_layers: 17,
      num_single_layers: 29,
    });
  });

  it('refuses a class that no family has', () => {
    const unknown = { ...model, config: { _class_name: 'toString' } };
    expect(() => prunedConfig(unknown, intervals)).toThrow(ContiguaError);
    expect(() => prunedConfig(unknown, intervals)).toThrow(/expected QwenImageTransformer2DModel/);
  });
});

describe('other exports', () => {
  it("writes the trainer's layer index and names files as their readers look for them", () => {
    expect(layerIndexString(intervals)).toBe('[[3,4],[5,7]]');
    expect([PLAN_FILE, CONFIG_FILE]).toEqual(['plan.json', 'config.json']);
  });
});

import { describe, expect, it } from 'vitest';
import { flowMatchSigmas, parseSchedulerConfig, type SigmaStart } from './index.ts';

/**
 * Golden levels of diffusers 0.40's FlowMatchEulerDiscreteScheduler (model fact sheet §6), to seven digits:
 *   scheduler = FlowMatchEulerDiscreteScheduler(**config)
 *   scheduler.set_timesteps(n, sigmas=numpy.linspace(1, 1/n, n), mu=calculate_shift(tokens, …)); scheduler.sigmas
 */
const CASES: { name: string; config: object; tokens: number; start?: SigmaStart; sigmas: number[] }[] = [
  {
    name: 'Qwen-Image, 4096 tokens, 4 steps',
    config: qwen({}),
    tokens: 4096,
    sigmas: [1, 0.7667093, 0.4556137, 0.02, 0],
  },
  {
    name: 'Qwen-Image, 6889 tokens, 8 steps',
    config: qwen({}),
    tokens: 6889,
    sigmas: [1, 0.9239344, 0.8353358, 0.7308288, 0.6057056, 0.4531986, 0.2632135, 0.02, 0],
  },
  {
    name: 'Qwen-Image Lightning, 8 steps',
    config: qwen({ base_shift: Math.log(3), max_shift: Math.log(3), shift_terminal: null }),
    tokens: 4096,
    sigmas: [1, 0.9545455, 0.9, 0.8333334, 0.75, 0.6428571, 0.5, 0.3, 0],
  },
  {
    name: 'FLUX.1-dev, 4096 tokens, 4 steps',
    config: { use_dynamic_shifting: true, shift: 3, base_shift: 0.5, max_shift: 1.15 },
    tokens: 4096,
    sigmas: [1, 0.9045308, 0.7595109, 0.5128441, 0],
  },
  { name: 'FLUX.1-schnell, 4 steps', config: { shift: 1 }, tokens: 4096, sigmas: [1, 0.75, 0.5, 0.25, 0] },
  {
    name: 'SD3, shift 3, 4 steps',
    config: { shift: 3 },
    tokens: 4096,
    start: 'range',
    sigmas: [1, 0.8576923, 0.6021506, 0.0089286, 0],
  },
  { name: 'the defaults, given levels, 2 steps', config: {}, tokens: 64, sigmas: [1, 0.5, 0] },
  { name: 'the defaults, own range, 2 steps', config: {}, tokens: 64, start: 'range', sigmas: [1, 0.001, 0] },
];

function qwen(changes: object) {
  return {
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    _diffusers_version: '0.34.0.dev0',
    base_image_seq_len: 256,
    base_shift: 0.5,
    max_image_seq_len: 8192,
    max_shift: 0.9,
    shift: 1,
    shift_terminal: 0.02,
    time_shift_type: 'exponential',
    use_dynamic_shifting: true,
    use_karras_sigmas: false,
    ...changes,
  };
}

describe('flow-matching noise levels', () => {
  it.each(CASES)('are those of the reference for $name', ({ config, tokens, start, sigmas }) => {
    const parsed = parseSchedulerConfig(JSON.stringify(config), 'scheduler_config.json');
    const found = flowMatchSigmas(parsed, sigmas.length - 1, tokens, start);
    expect(found).toHaveLength(sigmas.length);
    found.forEach((sigma, i) => {
      // The reference computes in float32 throughout: a few units in the last place.
      expect(Math.abs(sigma - sigmas[i]!)).toBeLessThan(2e-7);
    });
  });

  it('are one step from noise to picture when one step is asked for', () => {
    expect(flowMatchSigmas(parseSchedulerConfig('{}', 'c.json'), 1, 64)).toEqual([1, 0]);
    expect(flowMatchSigmas(parseSchedulerConfig(JSON.stringify(qwen({})), 'c.json'), 1, 64)).toEqual([1, 0]);
  });

  it('refuse zero steps', () => {
    expect(() => flowMatchSigmas(parseSchedulerConfig('{}', 'c.json'), 0, 64)).toThrow(/steps; found 0/);
  });
});

describe('a scheduler configuration', () => {
  it.each([
    ['text that is not JSON', '{', /c\.json: Not JSON/],
    ['another class', '{"_class_name":"DDIMScheduler"}', /found DDIMScheduler; expected FlowMatch/],
    ['options that change the levels', '{"use_karras_sigmas":true}', /use_karras_sigmas/],
    ['a shift that is no number', '{"shift":"3"}', /shift/],
    ['a terminal level of 1, which would divide by zero', '{"shift_terminal":1}', /shift_terminal/],
  ])('is refused for %s', (_, text, message) => {
    expect(() => parseSchedulerConfig(text, 'c.json')).toThrow(message);
  });
});

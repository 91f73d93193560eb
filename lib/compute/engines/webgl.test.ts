import { describe, expect, it } from 'vitest';
import { processorOf, webglCandidate } from './webgl.ts';

interface Renderer {
  readonly name?: string;
  readonly extensions?: readonly string[];
  readonly complete?: boolean;
  readonly precision?: number;
  /** What `failIfMajorPerformanceCaveat` refuses. */
  readonly slow?: boolean;
}

/** A canvas whose WebGL 2 is as told; `closed` counts the contexts given back. */
function canvasOf(renderer: Renderer | null) {
  const counts = { opened: 0, closed: 0 };
  class Canvas {
    getContext(kind: string, asked: WebGLContextAttributes) {
      if (!renderer || kind !== 'webgl2' || (renderer.slow && asked.failIfMajorPerformanceCaveat)) return null;
      counts.opened++;
      return contextOf(renderer, () => counts.closed++);
    }
  }
  return { canvas: Canvas as unknown as new () => OffscreenCanvas, counts };
}

const FLOAT = 'EXT_color_buffer_float';

function contextOf(
  { name = 'a processor', extensions = [FLOAT], complete = true, precision = 23 }: Renderer,
  close: () => void,
) {
  const named: Readonly<Record<string, object>> = {
    WEBGL_lose_context: { loseContext: close },
    WEBGL_debug_renderer_info: { UNMASKED_RENDERER_WEBGL: 1 },
  };
  const answers: Readonly<Record<string, unknown>> = {
    getExtension: (asked: string) => named[asked] ?? (extensions.includes(asked) ? {} : null),
    checkFramebufferStatus: () => complete,
    FRAMEBUFFER_COMPLETE: true,
    getShaderPrecisionFormat: () => ({ precision }),
    getParameter: () => name,
  };
  return new Proxy({}, { get: (_, key) => answers[String(key)] ?? (() => ({})) });
}

describe('WebGL', () => {
  it('on a graphics processor is preferred once it has passed the golden cases, and gives its context back', () => {
    const { canvas, counts } = canvasOf({ name: 'ANGLE (NVIDIA, NVIDIA GeForce RTX 3080 Direct3D11, D3D11)' });
    expect(webglCandidate(canvas)).toMatchObject({
      available: true,
      preferred: true,
      checkFirst: true,
      device: 'NVIDIA GeForce RTX 3080 Direct3D11',
    });
    expect(counts).toEqual({ opened: 1, closed: 1 });
  });

  it.each([
    ['no WebGL 2', null, /no WebGL 2/],
    ['no float textures', { extensions: [] }, /EXT_color_buffer_float/],
    ['float textures that cannot be rendered to', { complete: false }, /rendering to a 32-bit float texture fails/],
    ['shaders of half precision', { precision: 10 }, /10 bits of precision, and 23/],
  ] as const)('is refused with a reason where there is %s', (_, renderer, reason) => {
    const { canvas, counts } = canvasOf(renderer);
    expect(webglCandidate(canvas)).toMatchObject({ available: false, reason: expect.stringMatching(reason) });
    expect(counts.closed).toBe(counts.opened);
  });

  it('is refused where a worker has no canvas', () => {
    expect(webglCandidate(undefined)).toMatchObject({
      available: false,
      reason: expect.stringMatching(/OffscreenCanvas/),
    });
  });

  it.each([
    ['its name', { name: 'ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (Subzero)), SwiftShader driver)' }],
    ["Mesa's name", { name: 'ANGLE (Mesa, llvmpipe (LLVM 15.0.6 256 bits), OpenGL 4.5)' }],
    ['a browser that hides the name', { name: 'WebKit WebGL', slow: true }],
  ])('of a software renderer, told by %s, is offered and not preferred', (_, renderer) => {
    expect(webglCandidate(canvasOf(renderer).canvas)).toMatchObject({
      available: true,
      preferred: false,
      reason: expect.stringMatching(/software/),
    });
  });
});

describe('the name of a renderer', () => {
  it.each([
    ['ANGLE (Intel, Mesa Intel(R) UHD Graphics 620 (KBL GT2), OpenGL 4.6)', 'Mesa Intel(R) UHD Graphics 620 (KBL GT2)'],
    [
      'ANGLE (NVIDIA GeForce GTX 1050 Ti Direct3D11 vs_5_0 ps_5_0)',
      'NVIDIA GeForce GTX 1050 Ti Direct3D11 vs_5_0 ps_5_0',
    ],
    ['Apple GPU', 'Apple GPU'],
  ])('%s is %s', (renderer, name) => expect(processorOf(renderer)).toBe(name));
});

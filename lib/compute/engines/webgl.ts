/**
 * WebGL 2 on a worker's OffscreenCanvas, for browsers with a graphics processor and no WebGPU. It must render to 32-bit float
 * textures, since half precision fails every golden case. What a shader computes depends on the driver, so "auto" takes
 * it only after the golden cases have passed on the device. A software renderer is offered by name and never preferred.
 */

import type { MathBackendWebGL } from '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineCandidate } from '../../core/tensor/index.ts';
import { freshBackend } from './engine-host.ts';
import { isSoftwareRenderer } from './software-renderer.ts';

/**
 * Textures that are let go are kept for the next tensor of their shape until this much is allocated, and deleted from then on.
 * TensorFlow.js' default keeps all of them, which for a model that is read block after block is the whole model.
 */
const REUSED_TEXTURE_BYTES = 256 * 2 ** 20;
const CONTEXT: WebGLContextAttributes = {
  alpha: false,
  antialias: false,
  depth: false,
  stencil: false,
  premultipliedAlpha: false,
  powerPreference: 'high-performance',
};
/** Bits of a float32 mantissa. */
const MANTISSA_BITS = 23;

type Canvas = new (width: number, height: number) => OffscreenCanvas;

export function webglCandidate(canvas: Canvas | undefined = globalThis.OffscreenCanvas): EngineCandidate {
  const none = (reason: string): EngineCandidate => ({
    name: 'webgl',
    available: false,
    device: '',
    reason,
    preferred: false,
  });
  if (!canvas) return none('This browser has no OffscreenCanvas, which WebGL needs in a worker.');
  const accelerated = openContext(canvas, { failIfMajorPerformanceCaveat: true });
  const gl = accelerated ?? openContext(canvas);
  if (!gl) return none('This browser offers no WebGL 2.');
  try {
    const missing = missingPart(gl);
    if (missing) return none(missing);
    const device = rendererName(gl);
    // The name may be hidden; a browser tells a caveat in any case.
    const software = !accelerated || isSoftwareRenderer(device);
    return {
      name: 'webgl',
      available: true,
      device,
      reason: software
        ? 'A software renderer: correct, but far slower than WASM.'
        : 'A graphics processor, used through WebGL.',
      preferred: !software,
      checkFirst: true,
    };
  } finally {
    // Browsers keep few contexts per page; this one would wait for a garbage collection.
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  }
}

function openContext(canvas: Canvas, more: WebGLContextAttributes = {}): WebGL2RenderingContext | null {
  return new canvas(1, 1).getContext('webgl2', { ...CONTEXT, ...more });
}

/** Why its numbers would not be float32, or null. */
function missingPart(gl: WebGL2RenderingContext): string | null {
  if (!gl.getExtension('EXT_color_buffer_float')) {
    return 'WebGL 2 is there, but it does not render to 32-bit float textures (EXT_color_buffer_float).';
  }
  for (const format of [gl.R32F, gl.RGBA32F] as const) {
    if (!rendersTo(gl, format)) {
      return 'WebGL 2 is there, but rendering to a 32-bit float texture fails.';
    }
  }
  const bits = gl.getShaderPrecisionFormat(gl.FRAGMENT_SHADER, gl.HIGH_FLOAT)?.precision ?? 0;
  return bits < MANTISSA_BITS
    ? `Its shaders compute with ${bits} bits of precision, and ${MANTISSA_BITS} are needed.`
    : null;
}

function rendersTo(gl: WebGL2RenderingContext, format: GLenum): boolean {
  const texture = gl.createTexture();
  const framebuffer = gl.createFramebuffer();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texStorage2D(gl.TEXTURE_2D, 1, format, 1, 1);
  gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
  const complete = gl.checkFramebufferStatus(gl.FRAMEBUFFER) === gl.FRAMEBUFFER_COMPLETE;
  gl.deleteFramebuffer(framebuffer);
  gl.deleteTexture(texture);
  return complete;
}

function rendererName(gl: WebGL2RenderingContext): string {
  // Firefox tells the renderer without the extension.
  const unmasked = gl.getExtension('WEBGL_debug_renderer_info')?.UNMASKED_RENDERER_WEBGL;
  return processorOf(String(gl.getParameter(unmasked ?? gl.RENDERER) ?? '')) || 'unnamed renderer';
}

/** ANGLE, under WebGL in most browsers, tells "ANGLE (vendor, processor, version)"; other renderers are named as they are. */
export function processorOf(renderer: string): string {
  const [, parts = ''] = /^ANGLE \((.*)\)$/.exec(renderer) ?? [];
  const [, processor] = /^[^,]*, (.*), [^,]*$/.exec(parts) ?? [];
  return processor ?? (parts || renderer);
}

/** Starts a fresh backend on a context of its own, watches it, and returns the renderer's name. */
export async function launchWebgl(lost: (reason: string) => void): Promise<string> {
  const { MathBackendWebGL, setWebGLContext } = await import('@tensorflow/tfjs-backend-webgl');
  const canvas = new OffscreenCanvas(1, 1);
  const gl = canvas.getContext('webgl2', CONTEXT);
  if (!gl) throw new Error('the browser gave no WebGL 2 context');
  // The backend's own context would ask for no fast processor, and in Safari's workers for a canvas element.
  setWebGLContext(2, gl);
  // With shapes as uniforms (WEBGL_USE_SHAPES_UNIFORMS) programs are shared between shapes that need different ones (docs/log.md).
  tf.env().set('WEBGL_USE_SHAPES_UNIFORMS', false);
  tf.env().set('WEBGL_DELETE_TEXTURE_THRESHOLD', REUSED_TEXTURE_BYTES);
  const backend = await freshBackend('webgl');
  if (!(backend instanceof MathBackendWebGL)) throw new Error('TensorFlow.js started another backend');
  if (!tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) throw new Error('it renders to 16-bit textures only');
  canvas.addEventListener('webglcontextlost', () => lost('The WebGL context was lost'));
  watchErrors(backend, gl, lost);
  closeWith(backend, gl);
  return rendererName(gl);
}

/** A texture that cannot be allocated makes no call fail: WebGL keeps the error until it is asked, and results are zeros. */
function watchErrors(backend: MathBackendWebGL, gl: WebGL2RenderingContext, lost: (reason: string) => void): void {
  const read = backend.read.bind(backend);
  backend.read = async (dataId) => {
    const values = await read(dataId);
    const error = gl.getError();
    if (error === gl.OUT_OF_MEMORY) lost('WebGL ran out of graphics memory');
    else if (error !== gl.NO_ERROR) lost(`WebGL reported error ${error}`);
    return values;
  };
}

/** A context that is no longer in use would hold graphics memory until a garbage collection. */
function closeWith(backend: MathBackendWebGL, gl: WebGL2RenderingContext): void {
  const dispose = backend.dispose.bind(backend);
  backend.dispose = () => {
    dispose();
    gl.getExtension('WEBGL_lose_context')?.loseContext();
  };
}

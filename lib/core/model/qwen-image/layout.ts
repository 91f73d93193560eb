/**
 * Images of a Qwen-Image sample: what each form's pipeline lays out, and what the class has no positions for. An edit model sees
 * the picture that is drawn, then references of any sizes; a layered one sees the whole picture, its layers and, last, the
 * condition image.
 */
import { elementsOf } from '../architecture.ts';
import type { BatchLayout, InputProblem, NominalLayout } from '../family.ts';
import { NOMINAL } from '../nominal.ts';
import type { ImageShape } from '../transformer.ts';
import type { QwenImageConfig } from './config.ts';
import { textStart } from './positions.ts';

type Form = Pick<QwenImageConfig, 'zeroTimeReferences' | 'layered'>;

/** Of QwenImageLayeredPipeline by default. The model draws the whole picture as well. */
const LAYERS = 4;

/** As the pipelines do by default: 16 pixels a token; references are scaled to 1024 × 1024. */
export function nominalLayout({ zeroTimeReferences, layered }: Form): NominalLayout {
  if (layered) {
    const tokens = { ...NOMINAL.tokens, image: (LAYERS + 2) * 40 * 40 };
    return { tokens, picture: `640 × 640, ${LAYERS} layers and a condition image` };
  }
  if (!zeroTimeReferences) return NOMINAL;
  const { tokens, picture } = NOMINAL;
  return { tokens: { ...tokens, image: 2 * (tokens.image ?? 0) }, picture: `${picture} with a reference of that size` };
}

/** Few enough tokens for a first look, and every kind of image that the form has. */
export function syntheticImages({ zeroTimeReferences, layered }: Form, side: number) {
  const image = [1, side, side] as const;
  if (layered) {
    const shapes: readonly ImageShape[] = [image, image, image, image];
    return { shapes, label: `a picture, 2 layers and a condition image of ${side} × ${side} tokens each` };
  }
  if (!zeroTimeReferences) return { shapes: [image], label: `${side} × ${side} tokens` };
  const reference = [1, side - 2, side] as const;
  return {
    shapes: [image, reference],
    label: `${side} × ${side} tokens with a reference of ${reference[1]} × ${reference[2]}`,
  };
}

/** Positions that the rotary tables hold in each direction. */
const POSITIONS = 4096;

export function layoutProblem(config: Form, layout: BatchLayout): InputProblem | null {
  const { imageShapes, imageTokens, textTokens, batch, shapesOfSamples } = layout;
  if (!imageShapes) return null;
  const problem = (summary: string, found: string, expected: string) => ({
    tensor: 'img_shapes',
    summary,
    found,
    expected,
  });
  const condition = imageShapes.at(-1);
  if (config.layered && condition && condition[0] !== 1) {
    return problem(
      'The last image is the condition, which has one frame',
      JSON.stringify(condition),
      '[1, height, width]',
    );
  }
  const frames = Math.max(...imageShapes.map(([count], image) => image + count));
  if (frames > POSITIONS)
    return problem('The images have more frames than positions', `${frames}`, `at most ${POSITIONS}`);
  const last = textStart(imageShapes, config) + textTokens;
  if (last > POSITIONS) {
    return problem(
      'The text has no positions left beside images of this size',
      `${textTokens} text tokens from position ${last - textTokens}`,
      `positions up to ${POSITIONS - 1}`,
    );
  }
  // Which tokens are references is read for each sample of its own shapes; positions are not.
  if (!config.zeroTimeReferences || !shapesOfSamples) return null;
  if (shapesOfSamples.length !== batch) {
    return problem(
      'Image shapes are not those of every sample',
      `${shapesOfSamples.length}`,
      `1 or ${batch}, as in hidden_states`,
    );
  }
  const sample = shapesOfSamples.findIndex((shapes) => tokensOf(shapes) !== imageTokens);
  if (sample < 0) return null;
  const shapes = shapesOfSamples[sample] ?? [];
  return problem(
    `Image shapes of sample ${sample} do not add up to the image tokens`,
    `${JSON.stringify(shapes)} = ${tokensOf(shapes)} tokens`,
    `${imageTokens} tokens, as in hidden_states`,
  );
}

export function calibrationProblem({ layered }: Form, { imageShapes }: BatchLayout): InputProblem | null {
  if (!layered || !imageShapes || imageShapes.length > 1) return null;
  return {
    tensor: 'img_shapes',
    summary: 'There are no layers beside the condition image',
    found: JSON.stringify(imageShapes),
    expected: 'layers, and the condition image last',
  };
}

function tokensOf(shapes: readonly ImageShape[]): number {
  return shapes.reduce((sum, shape) => sum + elementsOf(shape), 0);
}

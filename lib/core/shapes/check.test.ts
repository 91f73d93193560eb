import { describe, expect, it } from 'vitest';
import { seededRandom } from '../random.ts';
import { checkPicture, readPicture } from './check.ts';
import { renderScene } from './render.ts';
import { isHeldOut, kindOf, randomScene, type Scene, sceneId, splitKind } from './scene.ts';
import { BACKGROUNDS, COLOURS, SHAPES, SIZES } from './vocabulary.ts';

const PICTURES = 2000;

/** Share of facts that hold on renderings of random scenes, each value off by normal noise. */
function shareRight(pictures: number, noise: number, seed: number): number {
  const random = seededRandom(seed);
  let right = 0;
  let all = 0;
  for (let i = 0; i < pictures; i++) {
    const scene = randomScene(random, i % 2 === 0);
    const picture = renderScene(scene);
    if (noise > 0) for (let j = 0; j < picture.length; j++) picture[j]! += noise * random.normal();
    for (const { holds } of checkPicture(picture, scene)) {
      right += holds ? 1 : 0;
      all++;
    }
  }
  return right / all;
}

function withDigit(scene: Scene, quadrant: number, digit: number): Scene {
  return { ...scene, quadrants: scene.quadrants.map((old, q) => (q === quadrant ? digit : old)) };
}
const failing = (picture: Float32Array, scene: Scene): string[] =>
  checkPicture(picture, scene)
    .filter(({ holds }) => !holds)
    .map(({ name }) => name);

describe('checkPicture', () => {
  it('is right on every fact of 2,000 ground-truth pictures', () => {
    expect(shareRight(PICTURES, 0, 1)).toBe(1);
  });

  it('is right on at least 99.5 % of the facts of noisy pictures', () => {
    expect(shareRight(500, 0.1, 2)).toBeGreaterThanOrEqual(0.995);
    expect(shareRight(500, 0.25, 3)).toBeGreaterThanOrEqual(0.995);
  });

  it('says no to exactly the fact that is wrong', () => {
    const random = seededRandom(4);
    for (let i = 0; i < 200; i++) {
      const drawn = randomScene(random, false);
      const picture = renderScene(drawn);
      const quadrant = drawn.quadrants.findIndex((digit) => digit !== 0);
      const place = ['top-left', 'top-right', 'bottom-left', 'bottom-right'][quadrant]!;
      const kind = splitKind(drawn.quadrants[quadrant]! - 1);
      const wrong = {
        size: { ...kind, size: (kind.size + 1) % SIZES.length },
        colour: { ...kind, colour: (kind.colour + 1) % COLOURS.length },
        shape: { ...kind, shape: (kind.shape + 1) % SHAPES.length },
      };
      for (const [attribute, asked] of Object.entries(wrong)) {
        expect(failing(picture, withDigit(drawn, quadrant, 1 + kindOf(asked)))).toEqual([`${place} ${attribute}`]);
      }
      const background = (drawn.background + 1) % BACKGROUNDS.length;
      expect(failing(picture, { ...drawn, background })).toEqual(['background']);
    }
  });

  it('says no to the position of an object that lies elsewhere, and to a wrong count', () => {
    const kind = 1 + kindOf({ size: 1, colour: 0, shape: 0 });
    const jitter = [0, 1, 2, 3].map((): [number, number] => [0, 0]);
    const drawn: Scene = { background: 0, quadrants: [kind, 0, 0, 0], jitter };
    const picture = renderScene(drawn);
    expect(failing(picture, { ...drawn, quadrants: [0, kind, 0, 0] })).toEqual([
      'top-right position',
      'top-right size',
      'top-right colour',
      'top-right shape',
    ]);
    expect(failing(picture, { ...drawn, quadrants: [kind, kind, 0, 0] })).toContain('count');
    expect(failing(picture, drawn)).toEqual([]);
  });

  it('tells what was asked for and what it sees', () => {
    const jitter = [0, 1, 2, 3].map((): [number, number] => [0, 0]);
    const quadrants = [0, 0, 0, 1 + kindOf({ size: 0, colour: 2, shape: 4 })];
    const facts = checkPicture(renderScene({ background: 3, quadrants, jitter }), {
      background: 3,
      quadrants: [0, 0, 0, 1 + kindOf({ size: 0, colour: 2, shape: 0 })],
      jitter,
    });
    expect(facts).toContainEqual({ name: 'background', expected: 'brown', seen: 'brown', holds: true });
    expect(facts).toContainEqual({ name: 'count', expected: '1', seen: '1', holds: true });
    expect(facts).toContainEqual({ name: 'bottom-right shape', expected: 'circle', seen: 'ring', holds: false });
  });

  it('finds no object readable in noise alone', () => {
    const random = seededRandom(5);
    const noise = Float32Array.from({ length: 32 * 32 * 3 }, () => random.normal());
    const scene = randomScene(random, false);
    const objectFacts = checkPicture(noise, scene).filter(({ name }) => name.includes('-'));
    expect(objectFacts.every(({ holds, seen }) => !holds && seen === 'unreadable')).toBe(true);
    expect(Math.min(...readPicture(noise).rms)).toBeGreaterThan(0.35);
  });
});

describe('randomScene', () => {
  it('draws one to three objects, held out or not as asked, the same for the same seed', () => {
    const drawAll = () => {
      const random = seededRandom(6);
      return Array.from({ length: 300 }, (_, i) => randomScene(random, i % 2 === 1));
    };
    const scenes = drawAll();
    expect(drawAll()).toEqual(scenes);
    const counts = scenes.map(({ quadrants }) => quadrants.filter(Boolean).length);
    expect(new Set(counts)).toEqual(new Set([1, 2, 3]));
    scenes.forEach((scene, i) => {
      expect(isHeldOut(sceneId(scene))).toBe(i % 2 === 1);
    });
  });
});

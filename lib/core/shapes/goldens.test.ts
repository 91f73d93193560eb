/** Holds the grammar to training/shapes.py through lib/core/shapes/goldens (written by `python training/shapes_goldens.py`). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { captionOf, encodeWords } from './caption.ts';
import { checkPicture, readPicture } from './check.ts';
import pictures from './goldens/pictures.json' with { type: 'json' };
import scenes from './goldens/scenes.json' with { type: 'json' };
import verdicts from './goldens/verdicts.json' with { type: 'json' };
import { encodePrompt } from './prompt.ts';
import { packPicture, renderScene, unpackPicture } from './render.ts';
import { isHeldOut, type Scene, sceneId } from './scene.ts';
import { VOCABULARY } from './vocabulary.ts';

function sceneFrom(stored: { background: number; quadrants: number[]; jitter: number[][] }): Scene {
  return { ...stored, jitter: stored.jitter.map(([dx, dy]): [number, number] => [dx!, dy!]) };
}
function bytesFrom(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
function floatsFrom(base64: string): Float32Array {
  return new Float32Array(bytesFrom(base64).buffer);
}
function pictureFrom(base64: string): Float32Array {
  return Float32Array.from(bytesFrom(base64), (byte) => byte / 127.5 - 1);
}

describe('the grammar of training/shapes.py (goldens: python training/shapes_goldens.py)', () => {
  it('has the same vocabulary in the same order', () => {
    expect(VOCABULARY).toEqual(scenes.vocabulary);
  });

  it("is the vocabulary of the sample model's text encoder", () => {
    const url = new URL('../../../public/models/shapes-mmdit/text_encoder/vocab.json', import.meta.url);
    expect(JSON.parse(readFileSync(url, 'utf8'))).toEqual(VOCABULARY);
  });

  it('numbers, holds out, captions and encodes every golden scene alike', () => {
    for (const golden of scenes.scenes) {
      const scene = sceneFrom(golden);
      expect(sceneId(scene)).toBe(golden.id);
      expect(isHeldOut(golden.id)).toBe(golden.heldOut);
      expect(captionOf(scene, golden.order)).toBe(golden.caption);
      expect(encodeWords(golden.caption.split(' '))).toEqual({ ids: golden.ids, valid: golden.valid });
      expect(encodePrompt(golden.caption)).toEqual({ ids: golden.ids, valid: golden.valid });
    }
    expect(scenes.scenes.some((golden) => golden.heldOut)).toBe(true);
  });

  it('encodes no words as the null caption', () => {
    expect(encodeWords([])).toEqual(scenes.nullCaption);
  });

  it('draws the same pictures, bit for bit in float32', () => {
    for (const golden of pictures.pictures) {
      expect(renderScene(sceneFrom(golden.scene))).toEqual(floatsFrom(golden.float32));
    }
  });

  it('packs a picture into image tokens as diffusers does, and unpacks it again', () => {
    const picture = renderScene(sceneFrom(pictures.pictures[0]!.scene));
    const tokens = packPicture(picture);
    expect(tokens).toEqual(floatsFrom(pictures.packed));
    expect(unpackPicture(tokens)).toEqual(picture);
  });

  it('reads clean, noisy, blurred and senseless pictures alike, and gives the same verdicts', () => {
    for (const golden of verdicts.verdicts) {
      const picture = pictureFrom(golden.rgb);
      const reading = readPicture(picture);
      expect(reading.background, golden.what).toBe(golden.background);
      expect(reading.quadrants, golden.what).toEqual(golden.quadrants);
      reading.rms.forEach((rms, q) => {
        expect(rms).toBeCloseTo(golden.rms[q]!, 6);
      });
      const facts = checkPicture(picture, sceneFrom(golden.asked));
      expect(Object.fromEntries(facts.map(({ name, holds }) => [name, holds])), golden.what).toEqual(golden.facts);
    }
    expect(verdicts.verdicts.some(({ facts }) => Object.values(facts).some((holds) => !holds))).toBe(true);
  });
});

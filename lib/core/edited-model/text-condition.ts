/** Words of a prompt as the text condition of a picture. */
import type { TextCondition } from '../sampling/index.ts';
import { embedCaption, encodeWords, pooledCaption, type SampleAssets } from '../shapes/index.ts';

export function conditionFor(assets: SampleAssets, words: readonly string[]): TextCondition {
  const caption = encodeWords(words);
  return {
    embeddings: embedCaption(assets, caption),
    pooled: pooledCaption(assets, caption),
    mask: Uint8Array.from(caption.ids, (_, token) => (token < caption.valid ? 1 : 0)),
  };
}

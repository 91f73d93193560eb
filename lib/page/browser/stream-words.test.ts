import { describe, expect, it } from 'vitest';
import { streamList, streamTitle, tokensWords } from './stream-words.ts';

const [image, text, audio] = [
  { id: 'image', label: 'image' },
  { id: 'text', label: 'text' },
  { id: 'a', label: 'audio' },
];
if (!image || !text || !audio) throw new Error('three streams');

describe('streams in words', () => {
  it('are those that the model declares, by their labels and in their order', () => {
    const tokens = { text: 256, image: 1024, a: 7 };
    expect(tokensWords(tokens, [image, text])).toBe('1,024 image and 256 text tokens');
    expect(tokensWords(tokens, [audio, text, image])).toBe('7 audio, 256 text and 1,024 image tokens');
    expect(tokensWords(tokens, [image])).toBe('1,024 image tokens');
    expect(streamTitle(audio)).toBe('Audio');
    expect(streamList([audio, text])).toBe('audio and text');
  });
});

import { describe, expect, it } from 'vitest';
import { formatHubAddress, nameOfAddress, parseModelAddress } from './model-address.ts';

const hub = (text: string) => {
  const address = parseModelAddress(text);
  return address.kind === 'hub' ? [address.repo, address.revision, address.path] : address.kind;
};

describe('the address of a model', () => {
  it.each([
    ['hf:Qwen/Qwen-Image', 'Qwen/Qwen-Image', 'main', ''],
    ['hf:Qwen/Qwen-Image/transformer/', 'Qwen/Qwen-Image', 'main', 'transformer'],
    ['hf:Qwen/Qwen-Image@v1.0', 'Qwen/Qwen-Image', 'v1.0', ''],
    ['hf:Qwen/Qwen-Image@refs/pr/7/transformer', 'Qwen/Qwen-Image', 'refs/pr/7', 'transformer'],
    ['hf:a/b@my%2Fbranch/x/y.gguf', 'a/b', 'my/branch', 'x/y.gguf'],
    ['https://huggingface.co/Qwen/Qwen-Image', 'Qwen/Qwen-Image', 'main', ''],
    ['https://huggingface.co/a/b/tree/refs%2Fpr%2F7/transformer', 'a/b', 'refs/pr/7', 'transformer'],
    ['https://huggingface.co/a/b/blob/main/x-Q4_K_S.gguf?download=true', 'a/b', 'main', 'x-Q4_K_S.gguf'],
    ['https://hf.co/a/b/resolve/v1/x.gguf', 'a/b', 'v1', 'x.gguf'],
  ])('%s is a repository, a revision and a path inside', (text, ...parts) => {
    expect(hub(text)).toEqual(parts);
  });

  it.each([
    'hf:Qwen',
    'hf:',
    'hf:a/b@',
    'hf:a/b@v1//x',
    'hf:a/b/../c',
    'hf:a/..',
    'hf:a/b@%zz',
    'hf:a b/c',
    'https://huggingface.co/docs',
  ])('%s is refused with the form that is expected', (text) => {
    expect(() => parseModelAddress(text)).toThrow(/expected hf:OWNER\/NAME\[@REVISION\]\[\/PATH\]/);
  });

  it.each(['models/hf:x', './hf', 'C:\\models', '/srv/models/qwen', 'http.safetensors'])('%s is a path', (text) => {
    expect(parseModelAddress(text)).toEqual({ kind: 'path' });
  });

  it('of the web holds no password', () => {
    expect(parseModelAddress('https://host/models/m')).toEqual({ kind: 'http', url: 'https://host/models/m' });
    const secret = 'https://me:s3cret@host/m';
    expect(() => parseModelAddress(secret)).toThrow(/a name or a password in it/);
    expect(() => parseModelAddress(secret)).not.toThrow(/s3cret/);
  });

  it('is written as it is read', () => {
    for (const text of ['hf:a/b@refs/pr/7/x', 'hf:a/b@my%2Fbranch/x', 'hf:a/b@main']) {
      const address = parseModelAddress(text);
      expect(address.kind === 'hub' && formatHubAddress(address)).toBe(text);
    }
  });

  it.each([
    ['hf:Qwen/Qwen-Image@v1/transformer', 'Qwen/Qwen-Image'],
    ['hf:city96/FLUX.1-dev-gguf/flux1-dev-Q4_K_S.gguf', 'flux1-dev-Q4_K_S'],
    ['hf:a/b/diffusion_pytorch_model.safetensors', 'a/b'],
    ['https://host/models/wide/transformer?key=secret', 'wide'],
    ['https://host/', 'host'],
  ])('%s names the model %s', (text, name) => {
    const address = parseModelAddress(text);
    expect(address.kind !== 'path' && nameOfAddress(address)).toBe(name);
  });
});

import { describe, expect, it } from 'vitest';
import { nameInPath, nameOfPicked } from './model-name.ts';

describe('the name of a model in a path', () => {
  it('is that of the folder, or of what its transformer folder lies in', () => {
    expect(nameInPath('/models/my-model')).toBe('my-model');
    expect(nameInPath('/models/my-model/transformer/')).toBe('my-model');
    expect(nameInPath('C:\\models\\my-model\\transformer')).toBe('my-model');
  });

  it('is that of the hub in a cache of Hugging Face', () => {
    const revision = '75e0b4be04f60ec59a75f475837eced720f823b6';
    expect(nameInPath(`/cache/models--Qwen--Qwen-Image/snapshots/${revision}/transformer`)).toBe('Qwen/Qwen-Image');
  });

  it('is that of a file of weights without its extension', () => {
    expect(nameInPath('/models/unet/flux1-dev-Q4_K_S.gguf')).toBe('flux1-dev-Q4_K_S');
    expect(nameInPath('/models/my-model/transformer/diffusion_pytorch_model.safetensors')).toBe('my-model');
  });

  it('is none where no folder tells the model from another', () => {
    expect(nameInPath('transformer')).toBeNull();
    expect(nameInPath('/')).toBeNull();
  });
});

describe('the name of a model that was picked in a browser', () => {
  it('is the folder’s, unless every model calls it that', () => {
    expect(nameOfPicked('my-model', ['Qwen/Qwen-Image'], 'qwen-image')).toBe('my-model');
    expect(nameOfPicked('downloads/half/transformer', [], 'qwen-image')).toBe('half');
    expect(nameOfPicked('transformer', ['Qwen/Qwen-Image'], 'qwen-image')).toBe('Qwen/Qwen-Image');
  });

  it('is the first that config.json or model_index.json gives', () => {
    expect(nameOfPicked('transformer', [undefined, '/home/me/students/half/transformer'], 'qwen-image')).toBe('half');
    expect(nameOfPicked('transformer', ['./transformer', 'Qwen/Qwen-Image'], 'qwen-image')).toBe('Qwen/Qwen-Image');
  });

  it('says what is known where nothing names it', () => {
    expect(nameOfPicked('transformer', [undefined, 7, ''], 'qwen-image')).toBe('unnamed qwen-image model');
  });
});

import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnv } from './env.ts';

describe('the environment', () => {
  it('needs nothing: an embedded database and files under .contigua, and the bundled models', () => {
    const env = readEnv({}, '/app/models');
    expect(env).toMatchObject({
      dataFolder: resolve('.contigua'),
      databaseUrl: null,
      modelRoots: [{ name: 'bundled', folder: '/app/models' }],
      s3: null,
      token: null,
      engine: 'auto',
    });
    expect(env.slots).toBeGreaterThanOrEqual(1);
    expect(env.threads).toBeGreaterThanOrEqual(1);
    expect(readEnv({ CONTIGUA_ENGINE: '', DATABASE_URL: '' }, '/app/models')).toEqual(env);
  });

  it('names model roots after their folders, or as it is told, but no two alike', () => {
    const roots = (text: string) => readEnv({ CONTIGUA_MODELS: text }).modelRoots;
    expect(roots('/data/models:mine=/home/me/weights')).toEqual([
      { name: 'models', folder: '/data/models' },
      { name: 'mine', folder: '/home/me/weights' },
    ]);
    expect(() => roots('/a/models:/b/models')).toThrow(/Two model roots have one name/);
  });

  it('reads a bucket’s place', () => {
    const s3 = { CONTIGUA_S3_BUCKET: 'b', CONTIGUA_S3_ENDPOINT: 'https://s3.local', CONTIGUA_S3_PREFIX: '/x/' };
    expect(readEnv({ ...s3, AWS_REGION: 'eu-1' }).s3).toEqual({
      bucket: 'b',
      endpoint: 'https://s3.local',
      prefix: 'x/',
      region: 'eu-1',
    });
  });

  it('names the variable that it cannot read and what it expected, but never shows a secret', () => {
    expect(() => readEnv({ CONTIGUA_SLOTS: 'many' })).toThrow(/CONTIGUA_SLOTS.*found "many"; expected a whole number/);
    expect(() => readEnv({ CONTIGUA_ENGINE: 'cuda' })).toThrow(/CONTIGUA_ENGINE.*found "cuda"/);
    for (const secret of [{ DATABASE_URL: 'mysql://me:s3cret@db/x' }, { CONTIGUA_TOKEN: 's3cret' }]) {
      expect(() => readEnv(secret)).toThrow(/is not readable/);
      expect(() => readEnv(secret)).not.toThrow(/s3cret/);
    }
  });
});

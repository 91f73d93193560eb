/** Which code is installed is decided here, in files that are reviewed, and not by what a registry has today. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';

const versions = z.record(z.string(), z.string());
const read = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8'));
const manifest = z.object({ dependencies: versions, devDependencies: versions }).parse(await read('package.json'));
const lock = z
  .object({
    packages: z.record(
      z.string(),
      z.object({
        version: z.string().optional(),
        resolved: z.string().optional(),
        integrity: z.string().optional(),
        inBundle: z.boolean().optional(),
        dependencies: versions.optional(),
        devDependencies: versions.optional(),
      }),
    ),
  })
  .parse(await read('package-lock.json'));

describe('dependencies', () => {
  it.each(Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }))(
    'name one version each, the one that is locked: %s',
    (name, version) => {
      expect(version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
      expect(lock.packages[`node_modules/${name}`]?.version).toBe(version);
    },
  );

  it('are the same in the lock, so that installing does not change it', () => {
    const { dependencies, devDependencies } = lock.packages[''] ?? {};
    expect({ dependencies, devDependencies }).toEqual({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });

  it('are locked with a checksum of their bytes, and without the address of a registry', () => {
    const installed = Object.entries(lock.packages).filter(([path]) => path !== '');
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    // What lies inside another package has that one's checksum.
    expect(installed.filter(([, one]) => !one.inBundle && !one.integrity?.startsWith('sha512-'))).toEqual([]);
  });
});

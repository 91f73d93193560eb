/**
 * Marks the build in dist/ as that of an image (deploy/Dockerfile): it is used without a look at its sources, which an
 * image does not hold, or holds with other times of change.
 */
import { writeFileSync } from 'node:fs';
import { currentBuild, MANIFEST } from './compiled.mjs';

writeFileSync(MANIFEST, JSON.stringify({ build: await currentBuild(), sources: [] }));

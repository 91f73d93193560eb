/** Where the first visit leaves what its browser remembers, for the journeys after it. */
import { fileURLToPath } from 'node:url';

export const CHECKED_ENGINE = fileURLToPath(new URL('../test-results/checked-engine.json', import.meta.url));

/** Entry of the terminal's compute thread. */
import { importCompiled } from '../scripts/compiled.mjs';

await importCompiled('compute-thread');

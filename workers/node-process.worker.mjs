/** Entry of a compute process. Its parent may be a test that runs the sources; this process runs compiled code always. */
import { importCompiled } from '../scripts/compiled.mjs';

await importCompiled('compute-process');

/** Entry of the job host, which job-host.mjs starts. */
import { importCompiled } from './compiled.mjs';

await importCompiled('host');

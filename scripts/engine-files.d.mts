/** Types of engine-files.mjs, which next.config.mjs runs in plain Node. */
export function copyEngineFiles(): Promise<void>;

export const DIST: string;
export const MANIFEST: string;
export function importCompiled(entry: string): Promise<unknown>;
export function currentBuild(): Promise<string>;

export interface Kept {
  readonly ready: Promise<void>;
  pid(): number | null;
  stop(how?: { readonly now?: boolean }): Promise<void>;
}
export interface KeepOptions {
  readonly name: string;
  /** Of Node.js. */
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly graceMs: number;
  readonly say?: (sentence: string) => void;
  readonly output?: (text: string) => void;
  readonly quiet?: boolean;
}
export function keepRunning(options: KeepOptions): Kept;

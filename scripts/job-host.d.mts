export interface KeptJobHost {
  readonly env: { readonly CONTIGUA_JOB_HOST: string; readonly CONTIGUA_JOB_SECRET: string };
  readonly ready: Promise<void>;
  stop(): Promise<void>;
  pid(): number | null;
}
export interface JobHostOptions {
  readonly say?: (sentence: string) => void;
  readonly settings?: Readonly<Record<string, string>>;
  readonly output?: (text: string) => void;
}
export function keepJobHost(options?: JobHostOptions): Promise<KeptJobHost>;

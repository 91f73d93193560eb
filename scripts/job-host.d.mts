import type { KeepOptions, Kept } from './supervise.mjs';

export interface KeptJobHost extends Kept {
  readonly env: { readonly CONTIGUA_JOB_HOST: string; readonly CONTIGUA_JOB_SECRET: string };
}
export interface JobHostOptions extends Pick<KeepOptions, 'say' | 'output'> {
  readonly settings?: Readonly<Record<string, string>>;
}
export function keepJobHost(options?: JobHostOptions): Promise<KeptJobHost>;

/**
 * The tables of large models for bench/gpu.ts: four blocks of Qwen-Image's shape beside PyTorch on the processor
 * (bench/four-blocks.ts), a checkpoint of exactly its shapes (bench/full-size-analysis.ts), and, for WebGPU, one of SD3.5-medium's shape in
 * Chromium (bench/page-analysis.ts). Each is a command of its own, whose output is the section; they take minutes to hours, and gigabytes of disk.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GpuOptions, SectionPlan } from './gpu-section.ts';

export interface LargeOptions {
  /** For weights, states and reports. */
  readonly folder: string;
  /** Depths of the full-size checkpoint, "15,30,60". */
  readonly blocks: string;
}

export function largeSections(
  { engine, pytorch, threads }: GpuOptions,
  { folder, blocks }: LargeOptions,
): SectionPlan[] {
  const peer = [
    ...(pytorch ? ['--python', pytorch.python] : []),
    ...(pytorch?.diffusers ? ['--diffusers', pytorch.diffusers] : []),
  ];
  return [
    commandSection('Four blocks of width 3072', 'four-blocks.ts', [
      join(folder, 'four'),
      ...['--engine', engine, '--threads', String(threads), '--turns', '1'],
      ...peer,
    ]),
    commandSection('A checkpoint of Qwen-Image’s shapes', 'full-size-analysis.ts', [
      ...['--engine', engine, '--blocks', blocks, '--out', join(folder, 'full'), '--kill'],
    ]),
    // No browser has CUDA.
    ...(engine === 'webgpu'
      ? [
          commandSection('A checkpoint of SD3.5-medium’s shape in the page', 'page-analysis.ts', [
            ...['--engine', engine, '--out', join(folder, 'page')],
          ]),
        ]
      : []),
  ];
}

function commandSection(title: string, script: string, args: readonly string[]): SectionPlan {
  return {
    title,
    async measure(owned) {
      const paths = ['../scripts/sources.mjs', `./${script}`].map((path) =>
        fileURLToPath(new URL(path, import.meta.url)),
      );
      const child = spawn(process.execPath, ['--import', ...paths, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
      owned(() => child.kill());
      let output = '';
      child.stdout.setEncoding('utf8');
      child.stdout.on('data', (text: string) => {
        output += text;
      });
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`bench/${script} ended with ${code}`);
      return { columns: [], rows: [], notes: [output.trim()], data: { output }, failed: false };
    },
  };
}

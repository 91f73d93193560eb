/** `contigua forward`: one pass of the whole model over inputs from a file, for comparing with other programs. */
import { writeSafetensors } from '../lib/core/checkpoint/index.ts';
import { fromFloat32 } from '../lib/core/tensor/index.ts';
import { ENGINE_OPTION, ENGINES, parseArguments } from './arguments.ts';
import type { CommandContext } from './command.ts';
import { linkedFile, SOURCE_OPTIONS } from './model-source.ts';
import { withModel } from './model-worker.ts';
import { assertWritable, tell, writeFileWhole } from './output.ts';

export async function forward(argv: readonly string[], { signal }: CommandContext): Promise<void> {
  const args = parseArguments('forward', argv, {
    inputs: { type: 'string' },
    out: { type: 'string' },
    ...ENGINE_OPTION,
    ...SOURCE_OPTIONS,
  });
  const given = args.required('inputs');
  const out = args.required('out');
  const engine = args.oneOf('engine', ENGINES, 'auto');
  await assertWritable(out);
  const inputs = await linkedFile(given, signal);
  const { sample, shape } = await withModel(args, engine, signal, ({ client }) =>
    client.call('forward', { inputs }, { signal }),
  );
  const bytes = fromFloat32(sample, 'F32');
  await writeFileWhole(out, writeSafetensors([{ name: 'sample', dtype: 'F32', shape, bytes }]));
  tell(`wrote ${out}: sample [${shape.join(', ')}]`);
}

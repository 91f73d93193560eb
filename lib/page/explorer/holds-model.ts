/**
 * Whether a safetensors file that was dropped is a model, or a trace in place of one, rather than a calibration, told by its header alone. What cannot be
 * read, or is neither, counts as a calibration: the analysis says what is wrong with it.
 */
import { openFile } from '@/lib/core/checkpoint/index.ts';
import { TRACE_KEY } from '@/lib/core/trace/trace-format.ts';

/** A transformer of one block has thirty. */
const FEWEST_TENSORS = 20;
const INPUTS = ['hidden_states', 'encoder_hidden_states'];

export async function holdsModel(file: File): Promise<boolean> {
  const checkpoint = await openFile({ path: file.name, blob: file }).catch(() => null);
  if (!checkpoint) return false;
  const { tensors, metadata } = checkpoint;
  if (metadata.has(TRACE_KEY)) return true;
  return tensors.size >= FEWEST_TENSORS && !INPUTS.some((name) => tensors.has(name));
}

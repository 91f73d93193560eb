/** What is in a safetensors file, without the product's reader: dtype, shape and digest of every tensor's bytes. */
import { digestOf } from '../read-fixture.ts';

export function tensorDigests(file: Uint8Array): Record<string, string> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = JSON.parse(
    new TextDecoder().decode(file.subarray(8, start)),
  );
  return Object.fromEntries(
    Object.keys(header)
      .filter((name) => name !== '__metadata__')
      .sort()
      .map((name) => {
        const { dtype, shape, data_offsets } = header[name] ?? { dtype: '', shape: [], data_offsets: [0, 0] };
        const bytes = file.subarray(start + data_offsets[0], start + data_offsets[1]);
        return [name, `${dtype} [${shape.join(', ')}] ${digestOf(Buffer.from(bytes).toString('latin1'))}`];
      }),
  );
}

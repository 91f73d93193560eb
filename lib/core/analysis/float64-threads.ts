/**
 * Products of float64-kernel.ts on several threads. A product is cut into chunks of its rows or its columns. The calling thread and
 * its helpers claim one chunk after the other, so a helper that is late, or never starts, leaves its part to the others. Each number
 * is summed by one thread in the kernel's own order: any count of threads gives the same bits.
 */
import {
  type AddProduct,
  MOST_PAGES,
  PAGE_BYTES,
  type ProductKernel,
  productIn,
  productModule,
  wasmKernel,
} from './float64-kernel.ts';

/** A memory that only grows. It begins with the board, from which helpers read what to compute. */
export interface SharedProducts {
  readonly compiled: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** A worker that calls `helpWithProducts` with the message. */
export interface ProductHelper {
  postMessage(message: SharedProducts): void;
}

/**
 * Places on the board. CLAIM holds the number of the product and, in its lowest byte, the next chunk of it that nobody has claimed.
 * The product itself begins at PRODUCT.
 */
const [CLAIM, FINISHED, FAILED, PRODUCT] = [0, 1, 2, 3];
const BOARD_LENGTH = 16;
/** Of the numbers, behind the board. */
const NUMBERS_AT = (4 * BOARD_LENGTH) / 8;
/** In the lowest byte of CLAIM: more than there are chunks of any product. */
const CLOSED = 0xff;
const MOST_CHUNKS = 64;
/** Above it CLAIM, an Int32, would be negative. */
const MOST_TURNS = 0x7fffff;
const CHUNKS_PER_THREAD = 4;
/** How long a helper waits for the next product without leaving its thread to anything else. */
const BLOCKED_MS = 20;
/** Multiplications and additions below which waking a helper takes longer than it saves; one thread makes some 4 a nanosecond. */
const WORTH_SHARING = 4e6;

/**
 * Null where this JavaScript engine has no WebAssembly SIMD with shared memory, or there are no helpers; they are started once
 * that is known. The calling thread must be one that may block. Products of fewer than `worthSharing` operations stay on it.
 */
export function threadedKernel(
  startHelpers: () => readonly ProductHelper[],
  worthSharing: number = WORTH_SHARING,
): ProductKernel | null {
  const alone = wasmKernel();
  const compiled = typeof SharedArrayBuffer === 'function' ? productModule({ shared: true }) : null;
  const memory = alone && compiled && sharedMemory();
  if (!memory) return null;
  const helpers = startHelpers();
  if (helpers.length === 0) return null;
  for (const helper of helpers) helper.postMessage({ compiled, memory });
  const addProduct = sharedProduct(boardOf(memory), productIn(compiled, memory), helpers.length + 1, worthSharing);
  let isBusy = false;
  return async (length, work) => {
    // Two operations at the same time: the second one has a memory and a thread of its own.
    if (isBusy) return await alone(length, work);
    isBusy = true;
    try {
      return await work({ values: numbersIn(memory, length), addProduct });
    } finally {
      isBusy = false;
    }
  };
}

/** Null where it cannot be reserved. */
function sharedMemory(): WebAssembly.Memory | null {
  try {
    return new WebAssembly.Memory({ initial: 1, maximum: MOST_PAGES, shared: true });
  } catch {
    return null;
  }
}

function boardOf(memory: WebAssembly.Memory): Int32Array<SharedArrayBuffer> {
  return new Int32Array(memory.buffer as unknown as SharedArrayBuffer, 0, BOARD_LENGTH);
}

/** At least `length` numbers, of any content. Throws a RangeError where there is no room. */
function numbersIn(memory: WebAssembly.Memory, length: number): Float64Array {
  const missing = 8 * (NUMBERS_AT + length) - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / PAGE_BYTES));
  return new Float64Array(memory.buffer, 8 * NUMBERS_AT);
}

/** A helper's part, for as long as its worker lives. Blocks while products follow each other; `onChunk` is called after each chunk. */
export async function helpWithProducts({ compiled, memory }: SharedProducts, onChunk = () => {}): Promise<never> {
  const board = boardOf(memory);
  const addProduct = productIn(compiled, memory);
  for (;;) {
    const seen = computeChunks(board, addProduct, onChunk);
    if (Atomics.wait(board, CLAIM, seen, BLOCKED_MS) === 'timed-out') await changed(board, seen);
  }
}

/** Leaves the thread to its event loop, where the engine can: a worker that is blocked for good cannot be looked into. */
async function changed(board: Int32Array<SharedArrayBuffer>, seen: number): Promise<void> {
  if (typeof Atomics.waitAsync !== 'function') {
    Atomics.wait(board, CLAIM, seen);
    return;
  }
  const waiting = Atomics.waitAsync(board, CLAIM, seen);
  if (waiting.async) await waiting.value;
}

function sharedProduct(
  board: Int32Array<SharedArrayBuffer>,
  addProduct: AddProduct,
  threads: number,
  worthSharing: number,
): AddProduct {
  let turn = 0;
  return (toC, strideC, toA, strideA, toB, strideB, n, m, k, sign) => {
    const [c, a, b] = [toC + NUMBERS_AT, toA + NUMBERS_AT, toB + NUMBERS_AT];
    if (2 * n * m * k < worthSharing) {
      addProduct(c, strideC, a, strideA, b, strideB, n, m, k, sign);
      return;
    }
    const [along, size] = n >= m ? [0, n] : [1, m];
    const chunkSize = 4 * Math.ceil(size / Math.min(MOST_CHUNKS, CHUNKS_PER_THREAD * threads) / 4);
    const chunks = Math.ceil(size / chunkSize);
    // Closed first: a thread that still has the last product before it must not claim a chunk of a half-written one. Exchanged and
    // not stored, so that what is written next comes after all claims of the last product on every processor.
    turn = (turn % MOST_TURNS) + 1;
    Atomics.exchange(board, CLAIM, (turn << 8) | CLOSED);
    const product: Product = [chunks, chunkSize, along, sign, c, strideC, a, strideA, b, strideB, n, m, k];
    board.set(product, PRODUCT);
    Atomics.store(board, FINISHED, 0);
    Atomics.store(board, CLAIM, turn << 8);
    Atomics.notify(board, CLAIM);
    computeChunks(board, addProduct, () => {});
    for (let done = Atomics.load(board, FINISHED); done < chunks; done = Atomics.load(board, FINISHED)) {
      Atomics.wait(board, FINISHED, done);
    }
    if (Atomics.exchange(board, FAILED, 0) !== 0) throw new Error('A thread failed in a float64 product');
  };
}

/** Claims and computes chunks until none is left, and gives the CLAIM that said so. */
function computeChunks(board: Int32Array<SharedArrayBuffer>, addProduct: AddProduct, onChunk: () => void): number {
  for (;;) {
    const claim = Atomics.load(board, CLAIM);
    // Read before the claim: it succeeds only where the board still holds the same product.
    const [chunks, chunkSize, along, ofSign, c, strideC, a, strideA, b, strideB, n, m, k] = productOn(board);
    const sign = ofSign === 1 ? 1 : -1;
    const chunk = claim & 0xff;
    if (chunk >= chunks) return claim;
    if (Atomics.compareExchange(board, CLAIM, claim, claim + 1) !== claim) continue;
    const at = chunk * chunkSize;
    try {
      if (along === 0) {
        const rows = Math.min(chunkSize, n - at);
        addProduct(c + at * strideC, strideC, a + at * strideA, strideA, b, strideB, rows, m, k, sign);
      } else {
        const columns = Math.min(chunkSize, m - at);
        addProduct(c + at, strideC, a, strideA, b + at * strideB, strideB, n, columns, k, sign);
      }
    } catch {
      // Told by the caller, which waits for every chunk.
      Atomics.store(board, FAILED, 1);
    }
    onChunk();
    Atomics.add(board, FINISHED, 1);
    Atomics.notify(board, FINISHED);
  }
}

/** In the order in which the caller sets them, from PRODUCT on; `along` is 0 where chunks are rows and 1 where they are columns. */
type Product = readonly [
  ...job: readonly [chunks: number, chunkSize: number, along: number, sign: number],
  ...ofC: readonly [at: number, stride: number],
  ...ofA: readonly [at: number, stride: number],
  ...ofB: readonly [at: number, stride: number],
  ...sizes: readonly [n: number, m: number, k: number],
];

const productOn = (board: Int32Array<SharedArrayBuffer>) => [...board.subarray(PRODUCT)] as unknown as Product;

/**
 * Products of float64-kernel.ts on several threads. A product is cut into chunks of its rows or its columns. The calling thread and
 * its helpers claim one chunk after the other, so a helper that is late, or never starts, leaves its part to the others. Each number
 * is summed by one thread in the kernel's own order: any count of threads gives the same bits.
 */
import {
  type AddProduct,
  PAGE_BYTES,
  type ProductKernel,
  pagesOf,
  productIn,
  productModule,
  reusing,
  type Workspace,
} from './float64-kernel.ts';

/** A memory and its board, from which helpers read what to compute. */
export interface SharedProducts {
  readonly compiled: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Of the board, in bytes. */
  readonly boardAt: number;
}

/** A worker that calls `helpWithProducts` with each message. */
export interface ProductHelper {
  postMessage(message: SharedProducts): void;
}

/**
 * Places on the board. CLAIM holds the number of the product and, in its lowest byte, the next chunk of it that nobody has claimed;
 * ALONG is 0 where chunks are rows and 1 where they are columns.
 */
const [CLAIM, FINISHED, CHUNKS, CHUNK_SIZE, ALONG, SIGN, ARGUMENTS] = [0, 1, 2, 3, 4, 5, 6];
const BOARD_LENGTH = 16;
const BOARD_BYTES = 4 * BOARD_LENGTH;
/** In CLAIM: helpers shall wait for another message. */
const RELEASED = -1;
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
 * Null where this JavaScript engine has no WebAssembly SIMD with shared memory. The calling thread must be one that may block.
 * Products of fewer than `worthSharing` operations stay on it.
 */
export function threadedKernel(
  helpers: readonly ProductHelper[],
  worthSharing: number = WORTH_SHARING,
): ProductKernel | null {
  const compiled = typeof SharedArrayBuffer === 'function' ? productModule({ shared: true }) : null;
  if (!compiled) return null;
  let release = () => {};
  return reusing((length) => {
    const pages = pagesOf(8 * length + BOARD_BYTES);
    const boardAt = pages * PAGE_BYTES - BOARD_BYTES;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    // Helpers read the message once the memory before this one has let them go.
    for (const helper of helpers) helper.postMessage({ compiled, memory, boardAt });
    release();
    const board = boardOf(memory, boardAt);
    release = () => {
      Atomics.store(board, CLAIM, RELEASED);
      Atomics.notify(board, CLAIM);
    };
    return sharedWorkspace(board, memory, productIn(compiled, memory), helpers.length + 1, worthSharing);
  });
}

/** A helper's part, until its memory is replaced by another: how many chunks it computed. Blocks while products follow each other. */
export async function helpWithProducts({ compiled, memory, boardAt }: SharedProducts): Promise<number> {
  const board = boardOf(memory, boardAt);
  const addProduct = productIn(compiled, memory);
  let chunks = 0;
  for (;;) {
    const seen = computeChunks(board, (...of) => {
      addProduct(...of);
      chunks++;
    });
    if (seen === RELEASED) return chunks;
    if (Atomics.wait(board, CLAIM, seen, BLOCKED_MS) === 'timed-out') await changed(board, seen);
  }
}

/** Leaves the thread to its event loop, where the engine can: a worker that is blocked for good cannot be looked into. */
async function changed(board: Int32Array<ArrayBufferLike>, seen: number): Promise<void> {
  if (typeof Atomics.waitAsync !== 'function') {
    Atomics.wait(board, CLAIM, seen);
    return;
  }
  const waiting = Atomics.waitAsync(board as Int32Array<SharedArrayBuffer>, CLAIM, seen);
  if (waiting.async) await waiting.value;
}

function boardOf(memory: WebAssembly.Memory, at: number): Int32Array<ArrayBufferLike> {
  return new Int32Array(memory.buffer, at, BOARD_LENGTH);
}

function sharedWorkspace(
  board: Int32Array<ArrayBufferLike>,
  memory: WebAssembly.Memory,
  addProduct: AddProduct,
  threads: number,
  worthSharing: number,
): Workspace {
  let turn = 0;
  return {
    // Up to the board.
    values: new Float64Array(memory.buffer, 0, board.byteOffset / 8),
    addProduct(c, strideC, a, strideA, b, strideB, n, m, k, sign) {
      // After a release nobody helps any more, and nobody may claim.
      if (2 * n * m * k < worthSharing || Atomics.load(board, CLAIM) === RELEASED) {
        addProduct(c, strideC, a, strideA, b, strideB, n, m, k, sign);
        return;
      }
      const [along, size] = n >= m ? [0, n] : [1, m];
      const chunkSize = 4 * Math.ceil(size / Math.min(MOST_CHUNKS, CHUNKS_PER_THREAD * threads) / 4);
      const chunks = Math.ceil(size / chunkSize);
      // Closed first: a thread that still has the last product before it must not claim a chunk of a half-written one.
      turn = (turn % MOST_TURNS) + 1;
      Atomics.store(board, CLAIM, (turn << 8) | CLOSED);
      board.set([chunks, chunkSize, along, sign, c, strideC, a, strideA, b, strideB, n, m, k], CHUNKS);
      Atomics.store(board, FINISHED, 0);
      Atomics.store(board, CLAIM, turn << 8);
      Atomics.notify(board, CLAIM);
      computeChunks(board, addProduct);
      for (let done = Atomics.load(board, FINISHED); done < chunks; done = Atomics.load(board, FINISHED)) {
        Atomics.wait(board, FINISHED, done);
      }
    },
  };
}

/** Claims and computes chunks until none is left, and gives the CLAIM that said so. */
function computeChunks(board: Int32Array<ArrayBufferLike>, addProduct: AddProduct): number {
  for (;;) {
    const claim = Atomics.load(board, CLAIM);
    // Read before the claim: it succeeds only where the board still holds the same product.
    const [chunks, chunkSize, along, sign] = [board[CHUNKS]!, board[CHUNK_SIZE]!, board[ALONG], board[SIGN]];
    const [c, strideC, a, strideA, b, strideB, n, m, k] = board.slice(ARGUMENTS) as unknown as Nine;
    const chunk = claim & 0xff;
    if (claim === RELEASED || chunk >= chunks) return claim;
    if (Atomics.compareExchange(board, CLAIM, claim, claim + 1) !== claim) continue;
    const at = chunk * chunkSize;
    const ofSign = sign === 1 ? 1 : -1;
    if (along === 0) {
      const rows = Math.min(chunkSize, n - at);
      addProduct(c + at * strideC, strideC, a + at * strideA, strideA, b, strideB, rows, m, k, ofSign);
    } else {
      const columns = Math.min(chunkSize, m - at);
      addProduct(c + at, strideC, a, strideA, b + at * strideB, strideB, n, columns, k, ofSign);
    }
    Atomics.add(board, FINISHED, 1);
    Atomics.notify(board, FINISHED);
  }
}

type Nine = [number, number, number, number, number, number, number, number, number];

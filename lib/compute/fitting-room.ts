/**
 * Where fitted maps wait between tasks, and states while maps are fitted, if they are more than may wait on the engine: in memory until
 * a task names a folder. What is in it lasts as long as the process.
 */
import { memoryStates, type StateStore } from '../core/states/index.ts';

export interface RoomPlace {
  readonly url: string;
  readonly open: () => Promise<StateStore>;
}

export class FittingRoom {
  #url: string | null = null;
  #store: StateStore = memoryStates();

  get store(): StateStore {
    return this.#store;
  }

  /** Whether it moved: then what was in the old place is gone. */
  async moveTo({ url, open }: RoomPlace): Promise<boolean> {
    if (url === this.#url) return false;
    const store = await open();
    try {
      // Whatever an earlier process left there is of no use.
      await store.clear();
      await this.#store.clear();
    } catch (thrown) {
      await store.dispose().catch(() => undefined); // the first failure is the one to tell
      throw thrown;
    }
    const left = this.#store;
    this.#url = url;
    this.#store = store;
    await left.dispose();
    return true;
  }

  async clear(): Promise<void> {
    await this.#store.clear();
  }
}

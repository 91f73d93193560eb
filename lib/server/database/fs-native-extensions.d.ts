declare module 'fs-native-extensions' {
  /** An exclusive lock of the whole file, held by the open file; false where another open file holds it. */
  export function tryLock(fd: number): boolean;
}

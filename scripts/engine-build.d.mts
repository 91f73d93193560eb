/** A name of the code that computes in the browser, as it is below `root`: 16 hexadecimal characters. */
export function engineBuild(root?: URL): Promise<string>;

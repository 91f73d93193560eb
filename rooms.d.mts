/** In the order in which they may be imported: each row names only rooms above it. */
export const ROOMS: readonly { readonly room: string; readonly may: readonly string[] }[];

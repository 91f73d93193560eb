/** What the server answers an upload with. Apart, so that the reader of JSON comes with the first upload. */
import { z } from 'zod/mini';

export const answerSchema = z.object({ id: z.string() });

const text = z.optional(z.string());
export const refusalSchema = z.object({
  error: z.object({
    data: z.object({
      contigua: z.object({
        summary: z.string(),
        details: z.object({ file: text, tensor: text, found: text, expected: text, hint: text }),
      }),
    }),
  }),
});

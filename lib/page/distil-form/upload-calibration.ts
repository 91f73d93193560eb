/** Sends a calibration file to the server, which checks it against the model and keeps it. Resolves with its id there. */
import { ContiguaError } from '@/lib/core/errors.ts';

export async function uploadCalibration(modelId: string, file: File): Promise<string> {
  const query = new URLSearchParams({ model: modelId, name: file.name });
  const response = await fetch(`/api/files/calibrations?${query}`, { method: 'POST', body: file }).catch((thrown) => {
    throw new ContiguaError('server-unreachable', 'The file could not be sent', {
      file: file.name,
      found: thrown instanceof Error ? thrown.message : String(thrown),
      hint: 'Is the server still running? Try again.',
    });
  });
  const text = await response.text();
  const { answerSchema, refusalSchema } = await import('./upload-answers.ts');
  const json = jsonOf(text);
  const answer = answerSchema.safeParse(json);
  if (response.ok && answer.success) return answer.data.id;
  const refusal = refusalSchema.safeParse(json);
  if (refusal.success) {
    const { summary, details } = refusal.data.error.data.contigua;
    throw new ContiguaError('calibration-invalid', summary, details);
  }
  throw new ContiguaError('calibration-invalid', 'The server refused the file', {
    file: file.name,
    found: `status ${response.status}`,
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Hands a chart's figure or table to the user: SVG and CSV as text, PNG painted from the SVG at twice its size. */
import { ContiguaError } from '@/lib/core/errors.ts';
import { saveBlob, saveText } from './save-file.ts';

const PNG_SCALE = 2;

export function saveSvg(name: string, svg: string): void {
  saveText(name, svg, 'image/svg+xml;charset=utf-8');
}

export function saveCsv(name: string, table: string): void {
  saveText(name, table, 'text/csv;charset=utf-8');
}

export async function savePng(name: string, svg: string): Promise<void> {
  saveBlob(name, await pngOf(svg, name));
}

/** Pixels of a standalone SVG. */
async function pngOf(svg: string, name: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml;charset=utf-8' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(image.naturalWidth * PNG_SCALE);
    canvas.height = Math.round(image.naturalHeight * PNG_SCALE);
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const png = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
    if (png) return png;
    throw new ContiguaError('internal', 'The browser could not paint the figure', {
      file: name,
      hint: 'Save it as SVG instead.',
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}

'use client';
/** Anything dropped anywhere: a model folder, a plan, a calibration file. Shown only while something is held over. */
import { useEffect, useState } from 'react';
import { settle, showError, showPassing, showWarning } from '@/lib/page/browser/notices.ts';
import { type Picked, type PickedFolder, pickedFromDrop, pickedFromFile } from '@/lib/page/browser/picked-files.ts';
import { calibrationStore } from '@/lib/page/explorer/calibration.ts';
import { loadPlan } from '@/lib/page/explorer/plan-files.ts';
import { canSwitchModel, refuseCalibration, refuseDrop, switchModel } from '@/lib/page/explorer/start-and-switch.ts';

export function DropZone() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false;
    const onEnter = (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      depth++;
      setOver(true);
    };
    const onLeave = () => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const onOver = (event: DragEvent) => {
      if (holdsFiles(event)) event.preventDefault();
    };
    const onDrop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (!holdsFiles(event) || !event.dataTransfer) return;
      event.preventDefault();
      void take(event.dataTransfer.items);
    };
    window.addEventListener('dragenter', onEnter);
    window.addEventListener('dragleave', onLeave);
    window.addEventListener('dragover', onOver);
    window.addEventListener('drop', onDrop);
    return () => {
      window.removeEventListener('dragenter', onEnter);
      window.removeEventListener('dragleave', onLeave);
      window.removeEventListener('dragover', onOver);
      window.removeEventListener('drop', onDrop);
    };
  }, []);
  if (!over) return null;
  return (
    <div className="pointer-events-none fixed inset-0 z-50 grid place-content-center border-4 border-dashed border-accent bg-panel/85 text-center">
      <p className="text-base font-semibold">Drop to open</p>
      <p className="text-muted">
        A transformer folder or file (.safetensors, .gguf), a trace (.safetensors), a plan (.json) or a calibration file
        (.safetensors)
      </p>
    </div>
  );
}

async function take(items: DataTransferItemList): Promise<void> {
  try {
    const picked = await pickedFromDrop(items);
    const model = picked && (await modelIn(picked));
    if (model && !canSwitchModel()) {
      showWarning('model', `${model.name} was not opened`, {
        hint: 'Another model is being opened or an analysis is running: wait or stop it, then drop again.',
      });
    } else if (model) await switchModel({ kind: 'files', name: model.name, files: model.files });
    else if (picked?.kind !== 'file') return;
    else if (picked.file.name.endsWith('.json')) await loadPlan(picked.file);
    else if (picked.file.name.endsWith('.safetensors')) {
      if (refuseCalibration(picked.file.name)) return;
      calibrationStore.setState({ kind: 'file', file: picked.file, fileDigits: null });
      settle('calibration');
      showPassing('calibration', 'done', `${picked.file.name} is the calibration now`, {
        hint: 'Press Analyse to measure on it.',
      });
    } else refuseDrop(picked.file.name);
  } catch (thrown) {
    showError('model', thrown);
  }
}

/** A folder, or a file of weights; null for a plan or a calibration, which their tensors tell apart. */
async function modelIn(picked: Picked): Promise<PickedFolder | null> {
  if (picked.kind === 'folder') return picked;
  const { file } = picked;
  if (file.name.endsWith('.gguf') || file.name === 'config.json') return pickedFromFile(file);
  if (!file.name.endsWith('.safetensors')) return null;
  const { holdsModel } = await import('@/lib/page/explorer/file-readers.ts');
  return (await holdsModel(file)) ? pickedFromFile(file) : null;
}

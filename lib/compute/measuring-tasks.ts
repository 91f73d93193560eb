/** The tasks that measure edits before anything is trained: what they damage and what is fitted in their place. */
import { choiceDamage, storedDamage, storedParts } from '../core/analysis/index.ts';
import { editKey, editSetOf, mappedRuns, type RunEdit, runSetOf, runsOf } from '../core/edit/index.ts';
import { openParts } from '../core/edited-model/index.ts';
import { ContiguaError } from '../core/errors.ts';
import { architectureOf, editableModel, narrowBlocks } from '../core/model/index.ts';
import { mapFileParts, mapsOnEngine, measureWidth } from '../core/width/index.ts';
import { type AnalysisSources, storeKey } from './analysis-sources.ts';
import { type EditedModels, modulationsAmong, studentsIn } from './edited-models.ts';
import type { FittedMaps } from './fitted-maps.ts';
import { type FileHost, openFileOf, openFilesOf, urlIn } from './folder/file-host.ts';
import { checkSameWeights } from './same-weights.ts';
import type { TaskRunner } from './serve.ts';
import type { Session } from './session.ts';
import { waysAtOnce } from './ways.ts';

type MeasuringTasks = Pick<TaskRunner, 'damage' | 'parts' | 'modulations' | 'width' | 'choice' | 'fitWidth'>;

export function createMeasuringTasks(
  session: Session,
  files: FileHost,
  analyses: AnalysisSources,
  fitted: FittedMaps,
  models: EditedModels,
): MeasuringTasks {
  return {
    async damage({ edits, probes, limits }, context) {
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) {
        runSetOf([edit], session.model.summary, 'the chosen intervals');
        if (edit.by === 'student') throw damageOfStudent(edit);
      }
      const inputs = await fitted.inputsFor(edits, probes, context);
      const transformer = await session.transformer();
      const { signal, onProgress } = context;
      let done = 0;
      const measured = await storedDamage(transformer, inputs, edits, session.storeOf(inputs), {
        signal,
        waysAtOnce: waysAtOnce(inputs, transformer, limits),
        onMeasured(index, damage) {
          onProgress({
            stage: 'damage',
            done: ++done,
            total: edits.length,
            partial: { edit: edits[index]!, ...damage },
          });
        },
      });
      return edits.map((edit, i) => ({ edit, ...measured[i]! }));
    },

    async parts({ parts, probes, limits }, context) {
      const { numBlocks } = session.model.summary;
      for (const { block } of parts) {
        if (Number.isInteger(block) && block >= 0 && block < numBlocks) continue;
        throw new ContiguaError('plan-invalid', 'The model has no such block', {
          found: String(block),
          expected: `0 to ${numBlocks - 1}`,
        });
      }
      const inputs = await fitted.inputsFor([], probes, context);
      const transformer = await session.transformer();
      const { signal, onProgress } = context;
      let done = 0;
      const measured = await storedParts(transformer, inputs, parts, session.storeOf(inputs), {
        signal,
        waysAtOnce: waysAtOnce(inputs, transformer, limits),
        onMeasured(index, damage) {
          onProgress({ stage: 'damage', done: ++done, total: parts.length, partial: { ...parts[index]!, ...damage } });
        },
      });
      return parts.map((part, i) => ({ ...part, ...measured[i]! }));
    },

    async modulations({ requests, calibration }, context) {
      const { findModulations } = await import('./modulations.ts');
      const request = calibration && (await openFileOf(calibration, files));
      return await findModulations(session.model, await session.transformer(), requests, request, context);
    },

    async width({ edits, probes, states, limits }, { signal, onProgress }) {
      const { model, engine } = session;
      // Each is measured alone, so that they may overlap.
      for (const edit of edits) editSetOf([edit], editableModel(model.config), 'the edits to measure');
      const source = await analyses.of(probes);
      const inputs = await session.inputsOf(source);
      session.releaseSharing();
      const transformer = await session.transformer();
      const key = storeKey(`width of ${source.key}`, model, engine);
      const sizeBytes = session.roomBeside(states?.sizeBytes ?? 0);
      const store = states && (await files.openStates(states.url, sizeBytes, key));
      try {
        if (store) await checkSameWeights(store, model);
        return await measureWidth(transformer, inputs.calibration, inputs, edits, {
          signal,
          ridge: probes.ridge,
          rule: probes.split,
          waysAtOnce: waysAtOnce(inputs, transformer, limits),
          ...(store ? { store, lasts: true, mapBytes: MAPS_SHARE * sizeBytes, roomBytes: sizeBytes } : {}),
          engineBytes: limits?.engineBytes,
          onFitted: (done, total) => onProgress({ stage: 'probes', done, total }),
          onMeasured: (partial, done) => onProgress({ stage: 'damage', done, total: edits.length, partial }),
        });
      } finally {
        await store?.dispose();
      }
    },

    async choice({ edits, probes, limits, ...place }, context) {
      const { config } = session.model;
      await fitted.fitIn(place);
      const set = editSetOf(edits, editableModel(config), 'the chosen edits');
      const student = runsOf(set).find(({ by }) => by === 'student');
      if (student) throw damageOfStudent(student);
      const shared = modulationsAmong(set);
      // As in an export, linear maps are fitted on states that shared modulations have not changed.
      const others = set.filter(({ on }) => on !== 'modulation');
      const narrow = narrowBlocks(architectureOf(config), others);
      const maps =
        narrow.size > 0
          ? await fitted.widthFor(
              probes,
              others,
              await fitted.partsOf(mappedRuns(set), probes, context, limits),
              '',
              context,
              limits,
            )
          : null;
      const inputs = await fitted.inputsFor(runsOf(set), probes, context, limits);
      const { signal, onProgress } = context;
      return await choiceDamage(
        await models.transformerSharing(shared, context),
        inputs,
        others,
        { signal, onProgress: (done, total) => onProgress({ stage: 'damage', done, total }) },
        async (block) => await mapsOnEngine(maps!.maps, block, narrow.get(block)!.maps),
        await session.transformer(),
      );
    },

    async fitWidth({ edits, probes, saveTo, limits, ...place }, context) {
      const { model } = session;
      await fitted.fitIn(place);
      const opened = await openFilesOf(edits, files);
      const set = editSetOf(opened, editableModel(model.config), 'the chosen edits');
      const { parts, dispose } = await openParts(model, opened, set, (runs) =>
        fitted.mapsFor(probes, runs, context, limits),
      );
      try {
        const students = await studentsIn(opened);
        const { maps, fitted: fits } = await fitted.widthFor(probes, set, parts, students, context, limits);
        const { fingerprint, family, width } = model.summary;
        return {
          maps: await files.saveFile(
            urlIn(saveTo, MAPS_FILE),
            mapFileParts(maps, fits, { fingerprint, family, width }),
          ),
          fitted: fits,
        };
      } finally {
        dispose();
      }
    },
  };
}

function damageOfStudent(edit: RunEdit): ContiguaError {
  return new ContiguaError('plan-invalid', 'The damage of a student is measured with its file', {
    found: editKey(edit),
    expected: 'a run that is replaced by nothing, its probes or a linear map',
  });
}

const MAPS_FILE = 'maps.safetensors';

/** Of the room that an analysis leaves for states: linear maps that wait to be measured, at most. */
const MAPS_SHARE = 0.5;

'use client';
/** What the model is run on to see its hidden states, and the one button that starts it all. */
import { lazy } from 'react';
import { useStore } from 'zustand';
import { Button } from '@/components/ui/button';
import { FieldGroup, useFieldProblems } from '@/components/ui/field-group';
import { Help } from '@/components/ui/help';
import { Panel } from '@/components/ui/panel';
import { stopAnalysis } from '@/lib/page/explorer/analysis.ts';
import { calibrationStore, requestOf } from '@/lib/page/explorer/calibration.ts';
import { engineStore } from '@/lib/page/explorer/engine.ts';
import { startAnalysis, startEstimate } from '@/lib/page/explorer/start-and-switch.ts';
import { lacksWeights } from '@/lib/page/explorer/traces.ts';
import { AnalysisLimits } from './analysis-limits';
import { AnalysisProgress } from './analysis-progress';
import { CalibrationInputs, TracedInputs } from './calibration-inputs';
import { useAnalysis } from './use-analysis';
import { useModel } from './use-model';
import { useCalibrationChanges } from './use-report-mark';

const CalibrationHelp = lazy(async () => ({ default: (await import('./help-texts')).CalibrationHelp }));

export const CapturePanel = () => (
  <FieldGroup>
    <Capture />
  </FieldGroup>
);

function Capture() {
  const choice = useStore(calibrationStore);
  const summary = useModel((state) => state.summary);
  const opening = useModel((state) => state.opening);
  const engineReady = useStore(engineStore, ({ status }) => status === 'ready');
  const running = useAnalysis((state) => state.running !== null);
  const stopping = useAnalysis((state) => state.stopping);
  const report = useAnalysis((state) => state.report);
  const problems = useFieldProblems();
  const changes = useCalibrationChanges();
  const ready =
    engineReady &&
    summary !== null &&
    opening === null &&
    !summary.configAlone &&
    (summary.trace !== undefined || requestOf(choice) !== null) &&
    problems.length === 0;
  return (
    <Panel
      title="Calibration"
      help={
        <Help about="calibration">
          <CalibrationHelp />
        </Help>
      }
    >
      <div className="space-y-2">
        {summary?.trace ? <TracedInputs {...summary.trace} /> : <CalibrationInputs disabled={running} />}
        <AnalysisLimits disabled={running} />
        {running ? (
          <Button className="w-full" disabled={stopping} onClick={stopAnalysis}>
            {stopping ? 'Stopping…' : 'Stop'}
          </Button>
        ) : (
          <div className="flex gap-2">
            <Button
              look={report && changes.length === 0 ? 'plain' : 'primary'}
              className="min-w-0 flex-1"
              disabled={!ready}
              title={(summary?.configAlone ? lacksWeights(summary) : null) ?? problems[0]}
              onClick={() => void startAnalysis(choice)}
            >
              Analyse
            </Button>
            <Button
              disabled={!ready}
              title={
                problems[0] ??
                `Measure ${summary?.trace ? 'on noise of the size of its states' : 'one block'}, to say what the analysis will take`
              }
              onClick={() => void startEstimate(choice)}
            >
              Estimate
            </Button>
          </div>
        )}
        <AnalysisProgress />
      </div>
    </Panel>
  );
}

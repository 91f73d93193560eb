'use client';
/** What an analysis may cost: fields that may stay empty. */
import { useStore } from 'zustand';
import { OptionalNumberField } from '@/components/ui/optional-number-field';
import { DEFAULT_MEMORY, LIMIT_RANGES, limitsStore, limitsText } from '@/lib/page/explorer/analysis-limits.ts';
import { useModel } from './use-model';

export function AnalysisLimits({ disabled }: { disabled: boolean }) {
  const limits = useStore(limitsStore);
  const width = useModel(({ summary }) => summary?.width ?? 0);
  const isTrace = useModel(({ summary }) => summary?.trace !== undefined);
  return (
    <details className="text-xs" open={limitsText(limits) !== '' || undefined}>
      <summary className="cursor-pointer text-muted hover:text-ink">
        {isTrace ? 'Tokens and memory' : 'Tokens, damage and memory'}
      </summary>
      <div className="mt-2 grid grid-cols-2 gap-2">
        <OptionalNumberField
          label="Tokens / stream"
          value={limits.tokens}
          standsFor={width > 1024 && !isTrace ? '1,024' : 'all'}
          range={LIMIT_RANGES.tokens}
          disabled={disabled}
          onChange={(tokens) => limitsStore.setState({ tokens })}
        />
        <OptionalNumberField
          label="Memory, GB"
          value={limits.memory}
          standsFor={String(DEFAULT_MEMORY)}
          range={LIMIT_RANGES.memory}
          disabled={disabled}
          onChange={(memory) => limitsStore.setState({ memory })}
        />
        {isTrace ? null : (
          <>
            <OptionalNumberField
              label="Damage samples"
              value={limits.damageSamples}
              standsFor="8"
              range={LIMIT_RANGES.damageSamples}
              disabled={disabled}
              onChange={(damageSamples) => limitsStore.setState({ damageSamples })}
            />
            <OptionalNumberField
              label="Damage intervals"
              value={limits.damageIntervals}
              standsFor="all"
              range={LIMIT_RANGES.damageIntervals}
              disabled={disabled}
              onChange={(damageIntervals) => limitsStore.setState({ damageIntervals })}
            />
          </>
        )}
      </div>
    </details>
  );
}

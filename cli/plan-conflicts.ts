/**
 * Options of `contigua plan` that do not go together. They are refused by their own names before any file is opened, as fitting
 * and measuring may take minutes.
 */
import { type Arguments, usage } from './arguments.ts';
import { allowsKind } from './plan-budget.ts';
import { modulationRequest } from './plan-modulation.ts';

/** Throws `usage` for the first pair that it finds. */
export function refuseConflicts(args: Arguments): void {
  const isGiven = (name: string) => args.text(name) !== undefined;
  const asked = modulationRequest(args);
  const offersModulations = allowsKind(args, 'modulation');
  const beside = (['text', 'ffn'] as const).find(isGiven);
  if (isGiven('budget') && beside) throw usage('plan', `--budget and --${beside} exclude each other`);
  if (asked && offersModulations) {
    throw usage('plan', '--modulation and --allow modulation both share modulations: give one of them');
  }
  if (asked && args.flag('front')) {
    throw usage('plan', '--front lists plans of the budget alone, so that it takes no --modulation');
  }
  if (args.flag('measure') && asked && 'steps' in asked.by) {
    throw usage(
      'plan',
      '--measure does not run tables of modulations, which take no other timesteps',
      `--modulation ${asked.by.steps}steps`,
      'a rank (8) or the error that may be left (1%)',
    );
  }
}

/** Whether the edits of a plan can become a run of its model, asked before anything is trained. */
import { type EditSet, editSetOf } from '../../core/edit/index.ts';
import { ContiguaError } from '../../core/errors.ts';
import { editableModel, editedReader, type ModelConfig, whyNotTrained } from '../../core/model/config-index.ts';

/** The model can have the edits, a class reads what they leave, and there is a training for each. Throws `plan-invalid`. */
export function assertEditable(plan: { readonly edits: EditSet }, config: ModelConfig): void {
  if (plan.edits.every(({ on }) => on === 'run')) return;
  const edits = editSetOf(plan.edits, editableModel(config), 'the plan');
  const told = editedReader(config, edits);
  if ('why' in told) {
    throw new ContiguaError('plan-invalid', 'No class of diffusers or PPCL holds these edits', { found: told.why });
  }
  const reason = whyNotTrained(config, edits);
  if (reason === null) return;
  throw new ContiguaError('plan-invalid', 'Shared modulations of this model are not trained', {
    found: reason,
    hint: 'Leave them out of the run, and share them in closed form: `contigua plan --modulation` and `contigua export --plan`.',
  });
}

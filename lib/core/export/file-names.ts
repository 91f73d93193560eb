/** Names that downloads are saved under. */
export const PLAN_FILE = 'plan.json';
/** diffusers looks for exactly this name in the transformer's folder. */
export const CONFIG_FILE = 'config.json';
/** Beside the plan of an exported model. */
export const METRICS_FILE = 'metrics.json';

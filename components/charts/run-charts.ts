/** The charts of distillation runs. Apart from `index.ts`, so that the analysis page does not load them. */
export { type HeldOutMetric, STAND_INS } from './draw-held-out.ts';
export { LOSS_HEIGHT, type LossSeries, seriesOf } from './draw-loss-curve.ts';
export type { ParetoPoint, ParetoQuality } from './draw-pareto.ts';
export { HELD_OUT_TOTAL_HEIGHT, HeldOut } from './held-out.tsx';
export { type LogDomain, logDomain, smallText } from './log-scale.ts';
export { LossCurve } from './loss-curve.tsx';
export { PAGE_PALETTE, RUN_DASHES } from './palette.ts';
export { Pareto, type ParetoLabels } from './pareto.tsx';
export { useWidth } from './use-width.ts';

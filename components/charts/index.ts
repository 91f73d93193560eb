/**
 * The charts of the page. Draw functions stay inside; figures and tables to take away are `export-figures.ts` and
 * `export-tables.ts`, which load when the first one is asked for.
 */

export type { AxisStack } from './block-axis.ts';
export { CkaHeatmap } from './cka-heatmap.tsx';
export { ckaDomain } from './draw-heatmap.ts';
export type { NoiseRowsData } from './draw-noise-rows.ts';
export type { ParetoPoint, ParetoQuality } from './draw-pareto.ts';
export { EmptyTrajectories } from './empty-trajectories.tsx';
export { LayerStrip } from './layer-strip.tsx';
export { similarityText } from './number-text.ts';
export { PAGE_PALETTE, streamLook } from './palette.ts';
export { Pareto, type ParetoLabels } from './pareto.tsx';
export { PlanRows } from './plan-rows.tsx';
export { type BlockPart, whyNoPart } from './stream-part.ts';
export { TraitLegend } from './trait-legend.tsx';
export { type RunEnd, runEnd, trajectoryCurves } from './trajectory-curves.ts';
export * from './types.ts';
export { useWidth } from './use-width.ts';

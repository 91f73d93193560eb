/** The charts of the page. Draw functions stay inside; exports of figures and tables are in export-figures/-tables. */
export { CkaHeatmap } from './cka-heatmap.tsx';
export { ckaDomain } from './draw-heatmap.ts';
export { LayerStrip } from './layer-strip.tsx';
export { Trajectories } from './trajectories.tsx';
export { breakAfter, trajectoryCurves } from './trajectory-curves.ts';
export * from './types.ts';
export { useWidth } from './use-width.ts';

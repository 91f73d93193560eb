/** The charts of the page, and the same as figures and tables to take away. Draw functions stay inside. */
export { CkaHeatmap } from './cka-heatmap.tsx';
export { ckaDomain } from './draw-heatmap.ts';
export { STRIP_HEIGHT } from './draw-layer-strip.ts';
export {
  figureName,
  type HeatmapFigureData,
  heatmapSvg,
  layerStripSvg,
  type StripFigureData,
  trajectoriesSvg,
} from './export-figures.ts';
export { heatmapCsv, layerStripCsv, trajectoriesCsv } from './export-tables.ts';
export { LayerStrip } from './layer-strip.tsx';
export { Trajectories } from './trajectories.tsx';
export { breakAfter, trajectoryCurves } from './trajectory-curves.ts';
export { TRAJECTORIES_HEIGHT, type TrajectoryData } from './trajectory-scales.ts';
export * from './types.ts';
export { useWidth } from './use-width.ts';

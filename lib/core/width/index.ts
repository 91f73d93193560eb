/** Narrower blocks from closed form: the linear maps of text groups and feed-forward layers. */
export { mapsOfEdit } from './edit-maps.ts';
export { type CandidateOptions, fitCandidates } from './fit-candidates.ts';
export type { FitQuality } from './fit-quality.ts';
export { fitWidth, type WidthFitOptions } from './fit-width.ts';
export { mapFileParts, type PlacedMap, storeMaps } from './map-file.ts';
export type { FittedBlockMap, FittedWidthEdit, MappedEdit } from './map-fitter.ts';
export { type MapStore, mapsOnEngine, putMap, readMap, removeMap } from './map-store.ts';
export { type MeasureWidthOptions, measureWidth } from './measure-width.ts';

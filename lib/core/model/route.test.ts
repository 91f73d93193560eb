import { expect, test } from 'vitest';
import { runEdit } from '../edit/index.ts';
import { probeMaps, type Route, type RouteStep, routeOf, routeWithStudents } from './route.ts';
import { WeightSet } from './weights.ts';

const probes = Array.from({ length: 8 }, () => ({ image: null, text: null }));
const student = { first: 3, last: 4, weights: new WeightSet() };
const words = (route: Route) => route.map((step: RouteStep) => (step.kind === 'probe' ? 'probe' : named(step)));
const named = ({ kind, index }: Exclude<RouteStep, { kind: 'probe' }>) =>
  kind === 'block' ? index : `student ${index}`;

test('without edits, a route is every block', () => {
  expect(words(routeOf(3, []))).toEqual([0, 1, 2]);
});

test('a run by nothing keeps its first block, a run by probes has a probe for each of the others', () => {
  const runs = [
    { first: 0, last: 1 },
    { first: 3, last: 5 },
  ];
  const by = (replacement: 'nothing' | 'probes') => runs.map((run) => runEdit(run, replacement));
  expect(words(routeOf(6, by('nothing')))).toEqual([0, 2, 3]);
  const route = routeOf(6, by('probes'), { maps: probeMaps(probes) });
  expect(words(route)).toEqual([0, 'probe', 2, 3, 'probe', 'probe']);
  expect(route[1]).toEqual({ kind: 'probe', probe: probes[1] });
});

test('a student takes the place of its whole run, beside runs by probes and by nothing', () => {
  const edits = [
    runEdit({ first: 0, last: 2 }, 'probes'),
    runEdit(student, 'student'),
    runEdit({ first: 5, last: 6 }, 'nothing'),
  ];
  const route = routeOf(8, edits, { maps: probeMaps(probes), students: [student] });
  expect(words(route)).toEqual([0, 'probe', 'probe', 'student 3', 5, 7]);
  expect(route[3]).toEqual({ kind: 'student', index: 3, weights: student.weights });
  expect(words(routeWithStudents(6, [student]))).toEqual([0, 1, 2, 'student 3', 5]);
});

test('a route whose parts are missing is refused, naming the block or the run', () => {
  expect(() => routeOf(6, [runEdit({ first: 0, last: 1 }, 'probes')])).toThrow(/No fitted map from block 0 to block 1/);
  expect(() => routeOf(6, [runEdit({ first: 2, last: 4 }, 'student')], { students: [student] })).toThrow(
    /No student for blocks 2 to 4/,
  );
});

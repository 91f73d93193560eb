import { describe, expect, it } from 'vitest';
import { amountWords, type Budget, formatBudget, parseBudget } from './budget.ts';

const parsed = (text: string) => parseBudget(text, '--budget');

describe('parseBudget', () => {
  it.each<[string, Budget]>([
    ['params=12B', { kind: 'params', limit: { amount: 12e9 }, dtype: null }],
    ['params=11934618688', { kind: 'params', limit: { amount: 11_934_618_688 }, dtype: null }],
    ['params=800k', { kind: 'params', limit: { amount: 800e3 }, dtype: null }],
    ['size=24GB', { kind: 'size', limit: { amount: 24e9 }, dtype: null }],
    ['size=24GiB@fp8', { kind: 'size', limit: { amount: 24 * 1024 ** 3 }, dtype: 'fp8' }],
    ['flops=60%', { kind: 'flops', limit: { share: 0.6 }, dtype: null }],
    ['flops=1.5TFLOP', { kind: 'flops', limit: { amount: 1.5e12 }, dtype: null }],
    ['time=1.2s', { kind: 'time', limit: { amount: 1200 }, dtype: null }],
    ['time=80 ms', { kind: 'time', limit: { amount: 80 }, dtype: null }],
    ['memory=24GB@bf16', { kind: 'memory', limit: { amount: 24e9 }, dtype: 'bf16' }],
    ['Memory = .5gb@BF16', { kind: 'memory', limit: { amount: 0.5e9 }, dtype: 'bf16' }],
  ])('reads %s, and what it writes of it again', (text, budget) => {
    expect(parsed(text)).toEqual(budget);
    expect(parsed(formatBudget(budget))).toEqual(budget);
  });

  it.each([
    ['12B', /--budget: The budget is not readable; found 12B; expected params=12B, size=24GB/],
    ['params=-1', /not readable/],
    ['blocks=12', /no such kind of budget; found blocks=12; expected params, size, flops, time, memory/],
    ['params=12GB', /no such unit; found params=12GB; expected %, k, M, B, T/],
    ['time=3', /no such unit/],
    ['memory=24GB@bf15', /no such dtype; found memory=24GB@bf15; expected fp32, bf16, fp16, fp8, int8/],
    ['params=12B@bf16', /Only size and memory depend on a dtype/],
    ['params=0B', /nothing at all/],
    ['flops=0%', /nothing at all/],
  ])('refuses %s and says why', (text, message) => {
    expect(() => parsed(text)).toThrow(message);
  });

  it('writes amounts in the largest unit that loses no digit', () => {
    expect(formatBudget(parsed('params=12000M'))).toBe('params=12B');
    expect(formatBudget(parsed('size=1500MB'))).toBe('size=1.5GB');
    expect(formatBudget(parsed('time=1200ms'))).toBe('time=1.2s');
    expect(formatBudget(parsed('flops=33.3%'))).toBe('flops=33.3%');
  });
});

describe('amountWords', () => {
  it('gives three figures and a unit', () => {
    expect(amountWords('params', 11_934_618_688)).toBe('11.9 B parameters');
    expect(amountWords('memory', 24e9)).toBe('24.0 GB');
    expect(amountWords('flops', 1.5e15)).toBe('1.50 PFLOP');
    expect(amountWords('time', 80)).toBe('80.0 ms');
    expect(amountWords('time', 1234)).toBe('1.23 s');
    expect(amountWords('params', 12)).toBe('12 parameters');
  });
});

import { BlockedAlgebra } from './float64-blocked.ts';
import { plainKernel, wasmKernel } from './float64-kernel.ts';
import { describeFloat64 } from './float64-testing.ts';

describeFloat64('WebAssembly', () => new BlockedAlgebra(wasmKernel()!));
describeFloat64('plain JavaScript', () => new BlockedAlgebra(plainKernel()));

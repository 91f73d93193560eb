"""A contestant's side of bench/contestants.ts: answers each line of standard input, a number of steps and what to do, with a
JSON object of the milliseconds that each step took, by the clock and of the processor."""

import json
import sys
import time

import torch


def arguments(parser):
    """--device and --threads, in force; float32 products in full precision, as the product computes them."""
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return args


def answer_turns(step, device):
    on_gpu = torch.device(device).type == "cuda"
    for line in sys.stdin:
        steps, *what = line.split()
        times = {"wallMs": [], "cpuMs": []}
        for _ in range(int(steps)):
            started, started_cpu = time.perf_counter(), time.process_time()
            step(*what)
            # A kernel that was launched is not done.
            if on_gpu:
                torch.cuda.synchronize(device)
            times["wallMs"].append(1000 * (time.perf_counter() - started))
            times["cpuMs"].append(1000 * (time.process_time() - started_cpu))
        print(json.dumps(times), flush=True)

"""The reference of bench/large-trace.ts: CKA of pairs of states of a trace in float64, over all rows at once.

  python training/bench_large_trace.py TRACE ROWS # ROWS: {"image": [...], "text": [...]}, held-out rows as JSON

It prints, for each stream and pair of blocks, debiased and biased CKA over the held-out rows and over all of them.
"""

import json
import sys

import torch
from safetensors import safe_open


def gram(states):
    states = states - states.mean(0)
    return states @ states.T


def cka(k, l):
    n = len(k)

    def unbiased(a, b):
        # As lib/core/analysis/cka.ts: rows of centred kernels add up to zero.
        diagonals = (a.diagonal() * b.diagonal()).sum()
        return (a * b).sum() - n / (n - 2) * diagonals + a.trace() * b.trace() / ((n - 1) * (n - 2))

    ratio = lambda of: (of(k, l) / (of(k, k) * of(l, l)).sqrt()).item()
    return {"debiased": ratio(unbiased), "biased": ratio(lambda a, b: (a * b).sum())}


def main(path, rows_path):
    torch.set_num_threads(1)
    rows = json.load(open(rows_path))
    found = []
    with safe_open(path, "pt") as trace:
        blocks = sum(name.startswith("image.after.") for name in trace.keys())
        pairs = [(0, 1), (0, blocks - 2), (blocks // 3, 2 * blocks // 3), (blocks // 2, min(blocks // 2 + 4, blocks - 2))]
        for stream in ("image", "text"):
            for first, last in pairs:
                states = [trace.get_tensor(f"{stream}.after.{block}").double() for block in (first, last)]
                held_out = [gram(state[rows[stream]]) for state in states]
                row = {"stream": stream, "first": first, "last": last, "held-out": cka(*held_out)}
                row["all"] = cka(*map(gram, states))
                found.append(row)
    print(json.dumps(found))


main(*sys.argv[1:])

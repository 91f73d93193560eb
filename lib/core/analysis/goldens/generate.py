"""Writes cka.json and probe.json: reference values of CKA and of the least-squares probes, from numpy in float64.

    python lib/core/analysis/goldens/generate.py        # numpy >= 1.17; needs nothing else

cka.json    X = randn(100, 10), Y = randn(100, 10) + X of numpy's legacy generator with seed 1337, drawn in that order, and
            linear, debiased (unbiased HSIC, Song et al. 2012, eq. 5, from the definition with explicit Gram matrices) and
            RBF(0.5) CKA (bandwidth 0.5 of the median distance). Tolerance 1e-5; the printed values are 0.55761, 0.51346, 0.65483.
probe.json  states of 160 tokens and 10 features with two massive columns (1e4 and 3e3 times the rest) and offsets,
            rounded to float32, and their least-squares solution (numpy.linalg.lstsq on centred data); and 6 tokens of 10
            features with ridge, as an augmented least-squares problem. Then 24 tokens of 40 features, massive columns and
            tokens that are (nearly) the same, from the singular values of the inputs. Tolerance 1e-6 relative.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def centred_gram(k):
    n = len(k)
    h = np.eye(n) - 1 / n
    return h @ k @ h


def biased_cka(k, l):
    k, l = centred_gram(k), centred_gram(l)
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def unbiased_hsic(k, l):
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    ones = np.ones(n)
    total = np.trace(k @ l) + (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (ones @ k @ l @ ones)
    return total / (n * (n - 3))


def debiased_cka(k, l):
    return unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))


def rbf_gram(x, threshold):
    squares = ((x[:, None] - x[None]) ** 2).sum(-1)
    return np.exp(-squares / (2 * threshold**2 * np.median(squares)))


def cka_golden():
    rng = np.random.RandomState(1337)
    x = rng.randn(100, 10)
    y = rng.randn(100, 10) + x
    values = dict(
        linear=biased_cka(x @ x.T, y @ y.T),
        debiased=debiased_cka(x @ x.T, y @ y.T),
        rbf=biased_cka(rbf_gram(x, 0.5), rbf_gram(y, 0.5)),
    )
    print(values)
    return dict(rows=100, width=10, x=x.ravel().tolist(), y=y.ravel().tolist(), **values)


def equilibrated(x, y):
    """Centred inputs with unit columns, centred updates, and what undoes that."""
    u = y - x
    xc, uc = x - x.mean(0), u - u.mean(0)
    scale = np.linalg.norm(xc, axis=0)
    return xc / scale, uc, scale, u.mean(0)


def states(rng, n, d, massive):
    x = rng.standard_normal((n, d)) @ np.diag(np.logspace(0, -1, d)) @ np.linalg.qr(rng.standard_normal((d, d)))[0]
    x += rng.standard_normal(d)
    for column, factor in massive:
        x[:, column] = x[:, column] * factor + 0.5 * factor
    x = x.astype(np.float32)
    u = 0.1 * (x / np.abs(x).max(0)) @ rng.standard_normal((d, d)) + 0.05 * rng.standard_normal((n, d)) + 0.3
    return x, (x + u).astype(np.float32)


def probe_golden():
    rng = np.random.default_rng(1337)
    x, y = states(rng, 160, 10, [(2, 1e4), (7, 3e3)])
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    xs, uc, scale, mean_update = equilibrated(x64, y64)
    w = np.linalg.lstsq(xs, uc, rcond=None)[0] / scale[:, None]
    case = dict(rows=160, width=10, x=x.ravel().tolist(), y=y.ravel().tolist())
    case.update(weight=w.ravel().tolist(), bias=(mean_update - x64.mean(0) @ w).tolist(), condition=np.linalg.cond(x64 - x64.mean(0)))
    print("condition", case["condition"])

    ridge = 1e-3
    x, y = states(rng, 6, 10, [])
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    xs, uc, scale, mean_update = equilibrated(x64, y64)
    augmented = np.vstack([xs, np.sqrt(ridge) * np.eye(10)])
    w = np.linalg.lstsq(augmented, np.vstack([uc, np.zeros((10, 10))]), rcond=None)[0] / scale[:, None]
    few = dict(rows=6, width=10, ridge=ridge, x=x.ravel().tolist(), y=y.ravel().tolist())
    few.update(weight=w.ravel().tolist(), bias=(mean_update - x64.mean(0) @ w).tolist())

    # Tokens that are nearly alike, and massive columns: the dual's kernel is as ill-conditioned as the ridge lets it be.
    ridge = 1e-8
    x, y = states(rng, 24, 40, [(2, 1e4), (7, 3e3)])
    x[20:22] = x[:2] * (1 + 1e-4 * rng.standard_normal((2, 40))).astype(np.float32)
    x[22], y[20:23] = x[2], y[:3] + np.float32(1e-2)
    x64, y64 = x.astype(np.float64), y.astype(np.float64)
    xs, uc, scale, mean_update = equilibrated(x64, y64)
    # (ZZ' + ridge) = Q diag(s² + ridge) Q' from the singular values of Z, which lose fewer digits than those of ZZ'.
    q, s, v = np.linalg.svd(xs, full_matrices=False)
    w = (v.T * (s / (s**2 + ridge))) @ (q.T @ uc) / scale[:, None]
    wide = dict(rows=24, width=40, ridge=ridge, x=x.ravel().tolist(), y=y.ravel().tolist())
    wide.update(weight=w.ravel().tolist(), bias=(mean_update - x64.mean(0) @ w).tolist(), condition=s[0] / s[s > 1e-10][-1])
    print("condition of few rows", wide["condition"])
    return dict(massive=case, few=few, wide=wide)


for name, golden in dict(cka=cka_golden(), probe=probe_golden()).items():
    provenance = f"numpy {np.__version__}, lib/core/analysis/goldens/generate.py"
    (HERE / f"{name}.json").write_text(json.dumps(dict(provenance=provenance, **golden)) + "\n")

"""Writes the reference outputs that the TypeScript forward pass is tested against, from diffusers' own class.

Weights and inputs come from a hash (see lib/core/model/golden-fill.ts), so the files hold outputs alone. float32 on CPU;
tests compare to 2e-4 * max(1, |out|). The outputs do not depend on the diffusers version from 0.37 on.

  python training/goldens.py
"""

import json
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import QwenImageTransformer2DModel

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "lib/core/model"
CONFIG = dict(
    patch_size=2,
    in_channels=16,
    out_channels=4,
    num_layers=2,
    attention_head_dim=16,
    num_attention_heads=4,
    joint_attention_dim=16,
    axes_dims_rope=(8, 4, 4),
)
HIDDEN, TEXT = 1000, 1001  # tensor indices of the inputs


def fill(count, tensor):
    """[-1, 1) float64: a 32-bit hash of the element's and the tensor's index."""
    u = np.uint32
    with np.errstate(over="ignore"):
        h = (np.arange(1, count + 1, dtype=u) * u(0x9E3779B1)) ^ (u(tensor + 1) * u(0x85EBCA77))
        h ^= h >> u(16)
        h *= u(0x7FEB352D)
        h ^= h >> u(15)
        h *= u(0x846CA68B)
        h ^= h >> u(16)
    return h.astype(np.float64) / 2**32 * 2 - 1


def golden_model():
    model = QwenImageTransformer2DModel(**CONFIG).eval()
    state = model.state_dict()
    for index, name in enumerate(sorted(state)):
        values = (0.2 * fill(state[name].numel(), index)).astype(np.float32)
        if name.split(".")[-2] in ("norm_q", "norm_k", "norm_added_q", "norm_added_k", "txt_norm"):
            values = np.float32(1) + values
        state[name] = torch.from_numpy(values).reshape(state[name].shape)
    model.load_state_dict(state)
    return model


def numbers(tensor):
    return [float(f"{v:.7g}") for v in tensor.detach().double().flatten().tolist()]


@torch.no_grad()
def run(batch, image_tokens, text_tokens, timestep, image_shape, mask):
    model = golden_model()
    states = []
    for block in model.transformer_blocks:
        block.register_forward_pre_hook(
            lambda _, args, kwargs: states.append((kwargs["hidden_states"], kwargs["encoder_hidden_states"])) if not states else None,
            with_kwargs=True,
        )
        block.register_forward_hook(lambda _, args, out: states.append((out[1], out[0])))
    hidden = torch.from_numpy(fill(batch * image_tokens * CONFIG["in_channels"], HIDDEN)).float()
    text = torch.from_numpy(fill(batch * text_tokens * CONFIG["joint_attention_dim"], TEXT)).float()
    out = model(
        hidden_states=hidden.reshape(batch, image_tokens, -1),
        encoder_hidden_states=text.reshape(batch, text_tokens, -1),
        encoder_hidden_states_mask=None if mask is None else torch.tensor(mask, dtype=torch.bool),
        timestep=torch.tensor(timestep),
        img_shapes=[image_shape] * batch,
        return_dict=False,
    )[0]
    return out, states


CASES = {
    "q1": dict(batch=1, image_tokens=16, text_tokens=8, timestep=[0.37], image_shape=(1, 4, 4), mask=None),
    "q2": dict(
        batch=2, image_tokens=15, text_tokens=8, timestep=[0.37, 0.81], image_shape=(1, 3, 5),
        mask=[[1] * 5 + [0] * 3, [1] * 8],
    ),
}  # fmt: skip


def main():
    (MODEL / "goldens").mkdir(exist_ok=True)
    for name, case in CASES.items():
        out, states = run(**case)
        golden = dict(
            generator="python training/goldens.py",
            reference=f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, float32, CPU",
            tolerance=2e-4,
            case={**case, "image_shape": list(case["image_shape"])},
            output=numbers(out),
            # embedded input first, then the state after each block
            states=[dict(image=numbers(image), text=numbers(text)) for image, text in states],
        )
        (MODEL / "goldens" / f"{name}.json").write_text(json.dumps(golden) + "\n")
        print(name, list(out.shape), numbers(out)[:8], f"L2 {out.double().norm():.7g}")
        rows = numbers(out)
        lines = [", ".join(map(str, rows[i : i + 8])) for i in range(0, len(rows), 8)]
        shape, title = list(out.shape), name.upper()
        (MODEL / f"golden-{name}-output.ts").write_text(
            f"/** Output {shape} of golden case {title}, from diffusers in float32. Written by `python training/goldens.py`. */\n"
            f"// biome-ignore format: a table\nexport const GOLDEN_{title}_OUTPUT: readonly number[] = [\n"
            + "".join(f"  {line},\n" for line in lines)
            + "];\n"
        )


if __name__ == "__main__":
    main()

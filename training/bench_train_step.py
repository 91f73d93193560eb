"""The PyTorch contestant of bench/train-step.ts: one training step of diffusers' own Qwen-Image block, eager.

Reads the shapes as JSON from the command line, then numbers of steps from standard input, and answers each with a JSON
object of the milliseconds that each took, by the clock and of the processor. The same loss, clipping and AdamW as DEFAULT_DISTIL in lib/core/run/settings.ts.
"""

import json
import sys
import time

import torch
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, QwenImageTransformerBlock

MAGNITUDE_WEIGHT = 0.1


def stream_loss(student, teacher):
    def direction(x):
        return x / x.norm(dim=-1, keepdim=True)

    log_ratio = student.norm(dim=-1).log() - teacher.norm(dim=-1).log()
    squared = (direction(student) - direction(teacher)).square().sum(-1)
    return (squared + MAGNITUDE_WEIGHT * log_ratio.square()).mean()


def main():
    shape = json.loads(sys.argv[1])
    torch.set_num_threads(shape["threads"])
    torch.manual_seed(0)
    width, batch, side = shape["heads"] * shape["headDim"], shape["batch"], shape["side"]
    block = QwenImageTransformerBlock(width, shape["heads"], shape["headDim"])
    rope = QwenEmbedRope(theta=10000, axes_dim=shape["ropeAxes"], scale_rope=True)
    rotary = rope([(1, side, side)], max_txt_seq_len=shape["text"], device=torch.device("cpu"))
    conditioning = torch.randn(batch, width)
    image, text = (torch.randn(batch, shape[stream], width) for stream in ("image", "text"))
    image_after, text_after = (torch.randn(batch, shape[stream], width) for stream in ("image", "text"))
    parameters = list(block.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.02)

    def step():
        text_found, image_found = block(
            hidden_states=image,
            encoder_hidden_states=text,
            encoder_hidden_states_mask=None,
            temb=conditioning,
            image_rotary_emb=rotary,
        )
        loss = stream_loss(image_found, image_after) + stream_loss(text_found, text_after)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    for line in sys.stdin:
        times = {"wallMs": [], "cpuMs": []}
        for _ in range(int(line)):
            started, started_cpu = time.perf_counter(), time.process_time()
            step()
            times["wallMs"].append(1000 * (time.perf_counter() - started))
            times["cpuMs"].append(1000 * (time.process_time() - started_cpu))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()

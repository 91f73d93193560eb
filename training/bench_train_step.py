"""The PyTorch contestant of bench/train-step.ts and bench/gpu.ts: one training step of diffusers' own Qwen-Image block, eager.

  python training/bench_train_step.py SHAPE [--device cuda] [--threads N]

SHAPE is a `Size` of bench/train-step-sizes.ts with its tokens, as JSON. Steps are asked for on standard input (answer_turns.py).
The same loss, clipping and AdamW as DEFAULT_DISTIL in lib/core/run/settings.ts, in float32.
"""

import argparse
import json

import torch
from answer_turns import answer_turns, arguments
from diffusers.models.transformers.transformer_qwenimage import QwenEmbedRope, QwenImageTransformerBlock

MAGNITUDE_WEIGHT = 0.1


def stream_loss(student, teacher):
    def direction(x):
        return x / x.norm(dim=-1, keepdim=True)

    log_ratio = student.norm(dim=-1).log() - teacher.norm(dim=-1).log()
    squared = (direction(student) - direction(teacher)).square().sum(-1)
    return (squared + MAGNITUDE_WEIGHT * log_ratio.square()).mean()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("shape", type=json.loads)
    args = arguments(parser)
    shape, device = args.shape, torch.device(args.device)
    torch.manual_seed(0)
    width, batch, side = shape["heads"] * shape["headDim"], shape["batch"], shape["side"]
    block = QwenImageTransformerBlock(width, shape["heads"], shape["headDim"]).to(device)
    rope = QwenEmbedRope(theta=10000, axes_dim=shape["ropeAxes"], scale_rope=True)
    rotary = rope([(1, side, side)], max_txt_seq_len=shape["text"], device=device)
    conditioning = torch.randn(batch, width, device=device)
    streams = ("image", "text")
    image, text = (torch.randn(batch, shape[stream], width, device=device) for stream in streams)
    image_after, text_after = (torch.randn(batch, shape[stream], width, device=device) for stream in streams)
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

    answer_turns(step, device)


if __name__ == "__main__":
    main()

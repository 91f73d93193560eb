"""Qwen-Image: plain, Edit (several images, `zero_cond_t`), Layered (`use_layer3d_rope`, `use_additional_t_cond`), and both."""

from math import prod

import torch

from cases import Case, family


@family("QwenImageTransformer2DModel")
def qwen_image(draw):
    form = draw.of("plain", "plain", "edit", "edit", "layered", "both")
    edit, layered = form in ("edit", "both"), form in ("layered", "both")
    axes = draw.axes(3)
    config = dict(
        patch_size=draw.between(1, 3),
        in_channels=draw.between(1, 20),
        out_channels=draw.of(None, 0, 1, 4, 5),
        num_layers=draw.between(1, 5),
        attention_head_dim=sum(axes),
        num_attention_heads=draw.between(1, 4),
        joint_attention_dim=draw.between(1, 40),
        axes_dims_rope=axes,
    )
    for option, on in dict(zero_cond_t=edit, use_layer3d_rope=layered, use_additional_t_cond=layered).items():
        if on or draw.chance(0.3):
            config[option] = on
    case = Case("", config, {}, traits=[form])
    if draw.chance(0.2):
        config["guidance_embeds"] = True
        case.traits.append("guidance_embeds")

    batch, text = draw.between(1, 3), draw.between(1, 9)
    shape = lambda: (1, draw.between(1, 6), draw.between(1, 6))
    count = draw.between(1, 4)
    images = [shape() for _ in range(count)]
    if not layered and draw.chance(0.15):
        images[-1] = (draw.between(2, 3), *images[-1][1:])
        case.traits.append("frames")
    if count > 1:
        case.traits.append(f"{count} images")
    shapes = [list(images) for _ in range(batch)]
    if batch > 1 and draw.chance(0.3):
        case.traits.append("img_shapes differ")
        for sample in shapes[1:]:
            draw.python.shuffle(sample)
        if not edit and draw.chance(0.5):
            shapes[1] = [(1, 7, 9)]  # of no consequence: positions are those of the first sample
    elif draw.chance(0.3):
        shapes = shapes[:1]
    if not edit and count == 1 and draw.chance(0.5):
        shapes = [sample[0] if len(sample) == 1 else sample for sample in shapes]

    case.others["img_shapes"] = shapes
    case.tensors = dict(
        hidden_states=draw.normal(batch, sum(prod(image) for image in images), config["in_channels"]),
        encoder_hidden_states=draw.normal(batch, text, config["joint_attention_dim"]),
        encoder_hidden_states_mask=draw.mask(batch, text, case),
        timestep=draw.times(batch, case),
    )
    if layered:
        # With zero_cond_t diffusers adds [2B] and [B]: one value for all samples runs, and a value per sample does for one sample.
        values = 1 if edit or draw.chance(0.3) else batch
        case.tensors["additional_t_cond"] = torch.tensor([draw.between(0, 1) for _ in range(values)]).to(
            draw.of(torch.int64, torch.int32)
        )
    if draw.chance(0.05):
        case.traits.append("guidance given")
        case.tensors["guidance"] = torch.ones(batch)
    if layered and draw.chance(0.05):
        case.traits.append("no additional_t_cond")
        del case.tensors["additional_t_cond"]
    return case

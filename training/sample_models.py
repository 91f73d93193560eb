"""The two sample models as modules: a diffusers transformer and the trained tables that stand in for a text encoder.

`qwen` is shapes-mmdit (QwenImageTransformer2DModel), `flux` is shapes-flux (FluxTransformer2DModel, dual and single blocks,
embedded guidance). Both read `shapes.py` captions. FLUX rotates every text token by position zero and takes no mask, so the
word order comes from a learned position table that is added to the word table, as T5's states carry the order in FLUX.1;
the pooled text is the mean of the word rows of the valid tokens.
"""

import torch
from diffusers import FluxTransformer2DModel, QwenImageTransformer2DModel

import shapes

GRID = shapes.SIZE // shapes.PATCH
FEATURES = 3 * shapes.PATCH**2
TEXT_DIM = 64


def initialise(transformer, zeroed):
    """Xavier matrices, zero biases; modulation and output layers start at zero, so that every block starts as the identity."""
    for name, p in transformer.named_parameters():
        if p.ndim == 2:
            torch.nn.init.xavier_uniform_(p)
        elif name.endswith("bias"):
            torch.nn.init.zeros_(p)
    for linear in [*zeroed, transformer.norm_out.linear, transformer.proj_out]:
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)


class QwenSample(torch.nn.Module):
    CONFIG = dict(
        patch_size=shapes.PATCH, in_channels=FEATURES, out_channels=3, num_layers=16, attention_head_dim=32,
        num_attention_heads=3, joint_attention_dim=TEXT_DIM, axes_dims_rope=(8, 12, 12),
    )  # fmt: skip
    TRANSFORMER = QwenImageTransformer2DModel
    NAME = "shapes-mmdit"
    embedded_guidance = False

    def __init__(self):
        super().__init__()
        self.transformer = QwenImageTransformer2DModel(**self.CONFIG)
        self.embeddings = torch.nn.Embedding(len(shapes.VOCAB), TEXT_DIM)
        initialise(self.transformer, [m[1] for b in self.transformer.transformer_blocks for m in (b.img_mod, b.txt_mod)])

    def blocks(self):
        return list(self.transformer.transformer_blocks)

    def matrices(self):
        """Weights that Muon trains: attention and MLP matrices that a gradient reaches (the last block's text output is unused)."""
        unused = f"transformer_blocks.{self.CONFIG['num_layers'] - 1}."
        return [
            p
            for n, p in self.transformer.named_parameters()
            if p.ndim == 2 and "transformer_blocks." in n and any(s in n for s in ("attn.", "img_mlp.", "txt_mlp."))
            and not (unused in n and ("txt_mlp" in n or "to_add_out" in n))
        ]  # fmt: skip

    def tables(self):
        return {"weight": self.embeddings.weight}

    def forward(self, x, ids, lengths, t, guidance=None):
        mask = torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]
        return self.transformer(
            hidden_states=x, encoder_hidden_states=self.embeddings(ids), encoder_hidden_states_mask=mask, timestep=t,
            img_shapes=[(1, GRID, GRID)] * len(x), return_dict=False,
        )[0]  # fmt: skip


class FluxSample(torch.nn.Module):
    CONFIG = dict(
        patch_size=1, in_channels=FEATURES, num_layers=8, num_single_layers=16, attention_head_dim=32, num_attention_heads=3,
        joint_attention_dim=TEXT_DIM, pooled_projection_dim=TEXT_DIM, guidance_embeds=True, axes_dims_rope=(8, 12, 12),
    )  # fmt: skip
    TRANSFORMER = FluxTransformer2DModel
    NAME = "shapes-flux"
    embedded_guidance = True

    def __init__(self):
        super().__init__()
        self.transformer = FluxTransformer2DModel(**self.CONFIG)
        self.embeddings = torch.nn.Embedding(len(shapes.VOCAB), TEXT_DIM)
        self.positions = torch.nn.Embedding(shapes.MAX_TOKENS, TEXT_DIM)
        dual = [n.linear for b in self.transformer.transformer_blocks for n in (b.norm1, b.norm1_context)]
        initialise(self.transformer, [*dual, *(b.norm.linear for b in self.transformer.single_transformer_blocks)])
        rows, columns = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
        img_ids = torch.stack([torch.zeros(GRID, GRID), rows, columns], -1).reshape(GRID * GRID, 3).float()
        self.register_buffer("img_ids", img_ids, persistent=False)
        self.register_buffer("txt_ids", torch.zeros(shapes.MAX_TOKENS, 3), persistent=False)

    def blocks(self):
        return [*self.transformer.transformer_blocks, *self.transformer.single_transformer_blocks]

    def matrices(self):
        parts = ("attn.", "ff.", "ff_context.", "proj_mlp.", "proj_out.")
        return [
            p
            for n, p in self.transformer.named_parameters()
            if p.ndim == 2 and "transformer_blocks." in n and any(s in n for s in parts)
        ]

    def tables(self):
        return {"weight": self.embeddings.weight, "position": self.positions.weight}

    def forward(self, x, ids, lengths, t, guidance=None):
        words = self.embeddings(ids)
        valid = (torch.arange(ids.shape[1], device=ids.device)[None] < lengths[:, None]).float()[..., None]
        if guidance is None:
            guidance = torch.ones(len(x), device=x.device)
        return self.transformer(
            hidden_states=x, encoder_hidden_states=words + self.positions.weight, timestep=t, guidance=guidance,
            pooled_projections=(words * valid).sum(1) / valid.sum(1), img_ids=self.img_ids, txt_ids=self.txt_ids, return_dict=False,
        )[0]  # fmt: skip


SAMPLES = {"qwen": QwenSample, "flux": FluxSample}

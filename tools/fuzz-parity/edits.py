"""Edits of a plan in diffusers: a run keeps its first block, or that block's place is taken by a student."""

import copy

import torch
from cases import STACK_DEPTH
from safetensors.torch import save_file

# As `contigua.family` of a student names them.
FAMILY_NAMES = {
    "QwenImageTransformer2DModel": "qwen-image",
    "FluxTransformer2DModel": "flux",
    "Flux2Transformer2DModel": "flux2",
    "SD3Transformer2DModel": "sd3",
}
STUDENT_BLOCKS = {}


def student_block(class_name):
    """Registers `(model, first, last) -> block` where a student's block is not always of the kind of the interval's first block."""

    def register(make):
        STUDENT_BLOCKS[class_name] = make
        return make

    return register


def new_student(model, stack, first, last):
    make = STUDENT_BLOCKS.get(type(model).__name__)
    return make(model, first, last) if make else copy.deepcopy(getattr(model, stack)[first])


def write_students(case, draw, model, folder, fingerprint):
    """A student is a block with other weights; `(axis interval, path or None)` for every edit, on the depth axis."""
    offsets, depth = {}, 0
    for stack in case.stacks:
        offsets[stack] = depth
        depth += case.config[STACK_DEPTH[stack]]
    listed = []
    for stack, first, last, is_student in case.edits:
        at = offsets[stack]
        path = None
        if is_student:
            path = folder / f"student-{at + first}-{at + last}.safetensors"
            block = new_student(model, stack, first, last).state_dict()
            weights = {name: w + 0.05 * draw.normal(*w.shape) for name, w in block.items()}
            metadata = {
                "format": "pt", "contigua.kind": "student", "contigua.interval": f"{at + first}-{at + last}",
                "contigua.teacher": fingerprint, "contigua.family": FAMILY_NAMES[case.class_name],
            }  # fmt: skip
            save_file(weights, path, metadata=metadata)
            listed.append((dict(first=at + first, last=at + last, student=str(path)), (stack, first, last, weights)))
        else:
            listed.append((dict(first=at + first, last=at + last, student=None), (stack, first, last, None)))
    return listed


def edited(model, edits, dtype=torch.float32):
    """The model with `(stack, first, last, weights or None)` in place; students' weights rounded to `dtype`."""
    changed = copy.deepcopy(model)
    for stack, first, last, weights in sorted(edits, key=lambda edit: -edit[1]):
        blocks = getattr(changed, stack)
        if weights is not None:
            blocks[first] = new_student(model, stack, first, last)
            blocks[first].load_state_dict({name: w.to(dtype).float() for name, w in weights.items()})
        setattr(changed, stack, torch.nn.ModuleList([b for i, b in enumerate(blocks) if not first < i <= last]))
    return changed

"""Importing this registers every family's generator."""

from . import flux, qwen_image  # noqa: F401

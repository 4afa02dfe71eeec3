"""What MONAI's trainer and evaluator do with a batch: plain tensors, any device's autocast, accumulation, clipping."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from monai.engines import SupervisedEvaluator, SupervisedTrainer
from monai.engines.utils import IterationEvents
from torch.nn import functional as F

from monaiseg.engine.settings import Settings
from monaiseg.errors import ConfigError


def _to_device(batch: Mapping[str, Any], key: str, settings: Settings) -> torch.Tensor:
    tensor: torch.Tensor = batch[key]
    memory_format = settings.memory_format if tensor.ndim == settings.spatial_dims + 2 else torch.preserve_format
    return tensor.to(settings.device, non_blocking=True, memory_format=memory_format)


def _by_itself(network: Any) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which gradients of several processes are not put together yet."""
    apart: contextlib.AbstractContextManager[Any] = getattr(network, "no_sync", contextlib.nullcontext)()
    return apart


class TrainingStep:
    """`iteration_update` of a SupervisedTrainer; MONAI's own computes in bfloat16 on CUDA only.

    Its output has `image`, `label`, `pred` (as the network gives it) and `loss`, whatever `accumulate` is, and
    `stepped`: whether the optimizer has made a step.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __call__(self, engine: SupervisedTrainer, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Train on a batch and return what came of it."""
        settings = self.settings
        image, label = (_to_device(batch, key, settings) for key in ("image", "label"))
        first, last, group = self._place(engine)
        engine.network.train()
        if first:
            engine.optimizer.zero_grad(set_to_none=True)
        with contextlib.nullcontext() if last else _by_itself(engine.network):
            with settings.autocast():
                predicted = engine.network(image)
            engine.fire_event(IterationEvents.FORWARD_COMPLETED)
            loss = engine.loss_function(predicted, label)
            engine.fire_event(IterationEvents.LOSS_COMPLETED)
            settings.scaler.scale(loss / group).backward()
            engine.fire_event(IterationEvents.BACKWARD_COMPLETED)
        stepped = last and self._step(engine)
        output = {"image": image, "label": label, "pred": predicted, "loss": loss.detach(), "stepped": stepped}
        engine.state.output = output
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return output

    def _step(self, engine: SupervisedTrainer) -> bool:
        """Change the weights; return False where a gradient of float16 was too large, so that nothing was changed."""
        settings, scaler = self.settings, self.settings.scaler
        if settings.clip:
            scaler.unscale_(engine.optimizer)
            torch.nn.utils.clip_grad_norm_(engine.network.parameters(), settings.clip)
        scale = scaler.get_scale()
        scaler.step(engine.optimizer)
        scaler.update()
        return scaler.get_scale() >= scale  # it shrinks when a step is skipped, and only then

    def _place(self, engine: SupervisedTrainer) -> tuple[bool, bool, int]:
        """Tell whether this iteration is the first and the last whose gradients are added up, and of how many."""
        length, accumulate = engine.state.epoch_length, self.settings.accumulate
        index = (engine.state.iteration - 1) % length
        start = index - index % accumulate
        group = min(accumulate, length - start)
        return index == start, index == start + group - 1, group


class EvaluationStep:
    """`iteration_update` of a SupervisedEvaluator.

    Its output has what the batch has, and `pred`: probabilities `[B, K, *spatial]` at the case's own size, which the
    batch gives as `size: [B, axes]`; and where the network has more channels than classes, `channels`: those of the
    others, `[B, E, *spatial]`.

    Args:
        settings: how it computes.
        classes: how many of the network's channels are classes; None: all.
    """

    def __init__(self, settings: Settings, classes: int | None = None) -> None:
        self.settings = settings
        self.classes = classes

    def __call__(self, engine: SupervisedEvaluator, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Predict a batch and return what came of it."""
        image = _to_device(batch, "image", self.settings)
        with engine.mode(engine.network), self.settings.autocast():
            logits = engine.inferer(image, engine.network)
        engine.fire_event(IterationEvents.FORWARD_COMPLETED)
        probabilities = own_size(logits.float().sigmoid(), _common_size(batch))
        output = {**batch, "image": image, "pred": probabilities[:, : self.classes]}
        if self.classes is not None and self.classes < probabilities.shape[1]:
            output["channels"] = probabilities[:, self.classes :]
        engine.state.output = output
        engine.fire_event(IterationEvents.MODEL_COMPLETED)
        return output


def _common_size(batch: Mapping[str, Any]) -> list[int]:
    sizes: list[list[int]] = batch["size"].tolist()
    if any(size != sizes[0] for size in sizes):
        raise ConfigError(f"dataloader: a batch has cases of sizes {sizes}; evaluate one at a time, batch_size 1")
    return sizes[0]


def own_size(probabilities: torch.Tensor, size: Any) -> torch.Tensor:
    """Return the probabilities `[B, K, *spatial]` resized to `size` linearly; of that size already, as they are."""
    if tuple(probabilities.shape[2:]) == tuple(size):
        return probabilities
    mode = "bilinear" if probabilities.ndim == 4 else "trilinear"
    return F.interpolate(probabilities, size=tuple(size), mode=mode, align_corners=False)

"""Whole images where they fit, a sliding window where they do not."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from monai.data.meta_tensor import MetaTensor
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers import Inferer, SlidingWindowInferer
from monai.utils import convert_to_dst_type, ensure_tuple_rep, fall_back_tuple, look_up_option
from monai.utils.enums import PytorchPadMode
from rich.progress import track
from torch.nn import functional as F

from monaiseg.engine.strips import Emit, Strip
from monaiseg.errors import ConfigError

Window = tuple[slice, ...]
WHOLE = 2**21
"""Pixels or voxels up to which an image is predicted whole: 1448 x 1448, or 128 x 128 x 128."""


class WholeOrWindowInferer(Inferer):
    """Predict an image whole up to `whole` pixels, which is faster and has no seams; beyond, by a sliding window.

    Args:
        roi_size: the window, one number an axis.
        overlap: of neighbouring windows, 0 to below 1.
        sw_batch_size: windows predicted at a time.
        whole: see above.
    """

    def __init__(
        self, roi_size: Sequence[int], overlap: float = 0.25, sw_batch_size: int = 4, whole: int = WHOLE
    ) -> None:
        super().__init__()
        if isinstance(overlap, bool) or not isinstance(overlap, int | float) or not 0 <= overlap < 1:
            raise ConfigError(f"overlap is {overlap!r}; it must be a number from 0 to below 1")
        self.whole = whole
        self.window = StripInferer(
            roi_size=tuple(roi_size), overlap=overlap, sw_batch_size=sw_batch_size, mode="gaussian"
        )

    def __call__(self, inputs: torch.Tensor, network: Callable[..., torch.Tensor], *args: Any, **kwargs: Any) -> Any:
        """Return the network's logits for `inputs: [B, C, *spatial]`."""
        if math.prod(inputs.shape[2:]) <= self.whole:
            return network(inputs, *args, **kwargs)
        return self.window(inputs, network, *args, **kwargs)


class StripInferer(SlidingWindowInferer):
    """A SlidingWindowInferer that holds one row of windows instead of the image; the result is the same.

    Where that cannot be (several outputs, outputs of other sizes, `with_coord`, a `condition`, gradients), MONAI's own
    does it; the network may have seen the first windows then.

    Args:
        emit: done to the finished rows, whose channels and type the result has; None: the logits as they are.

    All others are MONAI's; `buffer_steps`, `buffer_dim` and `cpu_thresh`, which save memory there, have no use here.
    """

    def __init__(self, *args: Any, emit: Emit | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.emit = emit

    def __call__(self, inputs: torch.Tensor, network: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return the network's logits for `inputs: [B, C, *spatial]`, or what `emit` makes of them.

        Raises:
            TypeError: the network has several outputs, and there is an `emit`.
        """
        of_monai = {key: kwargs.pop(key) for key in ("device", "buffer_steps", "buffer_dim") if key in kwargs}
        whole = None
        if not self.with_coord and "condition" not in kwargs:
            device = torch.device(of_monai.get("device") or self.device or inputs.device)
            plain = inputs.as_tensor() if isinstance(inputs, MetaTensor) else inputs
            whole = self._by_strips(plain, lambda x: network(x, *args, **kwargs), device)
        if whole is None:
            whole = super().__call__(inputs, network, *args, **kwargs, **of_monai)
            return whole if self.emit is None else self.emit(whole)
        if isinstance(inputs, MetaTensor):
            whole = convert_to_dst_type(whole, inputs, dtype=whole.dtype, device=device)[0]
        return whole

    def _by_strips(
        self, inputs: torch.Tensor, network: Callable[[torch.Tensor], Any], device: torch.device
    ) -> torch.Tensor | None:
        """Return the result, or None where the network's outputs are not such that they can be put together so."""
        if torch.is_grad_enabled() and inputs.requires_grad:
            return None
        roi = tuple(fall_back_tuple(self.roi_size, inputs.shape[2:]))
        padded, inner = self._padded(inputs, roi)
        slices = dense_patch_slices(padded.shape[2:], roi, self._steps(padded.shape[2:], roi))
        strip = None
        for windows, data in self._batches(padded, slices):
            output = network(data)
            if self.emit is not None and not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"emit is done to a tensor, and the network gives a {type(output).__name__}; leave it out"
                )
            if not isinstance(output, torch.Tensor) or output.shape[2:] != roi or output.requires_grad:
                return None
            if strip is None:
                row = [others for top, *others in slices if top.start == 0]
                emit = self.emit or (lambda logits: logits.to(inputs.dtype))
                strip = Strip(output, self._weight(roi, output), row, padded.shape, inner, emit, device)
            for (image, window), logits in zip(windows, output, strict=True):
                strip.add(image, window, logits)
        return None if strip is None else strip.finish()

    def _batches(
        self, padded: torch.Tensor, slices: Sequence[Window]
    ) -> Iterator[tuple[list[tuple[int, Window]], torch.Tensor]]:
        """Give the windows of all images, `sw_batch_size` at a time, and what is in them, in the images' layout."""
        windows = list(product(range(len(padded)), slices))
        count = min(self.sw_batch_size, len(windows))
        shape = (count, padded.shape[1], *(axis.stop - axis.start for axis in slices[0]))
        last = {4: torch.channels_last, 5: torch.channels_last_3d}.get(padded.ndim, torch.contiguous_format)
        layout = last if padded.is_contiguous(memory_format=last) else torch.contiguous_format
        device = self.sw_device or padded.device
        data = torch.empty(shape, dtype=padded.dtype, device=device, memory_format=layout)
        starts = range(0, len(windows), count)
        for start in track(starts, "windows") if self.progress else starts:
            group = windows[start : start + count]
            for place, (image, window) in zip(data, group, strict=False):
                place.copy_(padded[image][(slice(None), *window)])
            yield group, data[: len(group)]

    def _padded(self, inputs: torch.Tensor, roi: Sequence[int]) -> tuple[torch.Tensor, list[slice]]:
        """Return images of at least the window's size, and where in them the images are."""
        missing = [max(side - there, 0) for side, there in zip(roi, inputs.shape[2:], strict=True)]
        inner = [slice(more // 2, more // 2 + there) for more, there in zip(missing, inputs.shape[2:], strict=True)]
        if any(missing):
            sides = [edge for more in reversed(missing) for edge in (more // 2, more - more // 2)]
            inputs = F.pad(inputs, sides, mode=look_up_option(self.padding_mode, PytorchPadMode), value=self.cval)
        return inputs, inner

    def _steps(self, size: Sequence[int], roi: Sequence[int]) -> list[int]:
        """Return from one window to the next, an axis each."""
        overlaps = ensure_tuple_rep(self.overlap, len(size))
        if not all(0 <= overlap < 1 for overlap in overlaps):
            raise ValueError(f"overlap must be >= 0 and < 1, got {overlaps}.")
        steps = (int(side * (1 - overlap)) for side, overlap in zip(roi, overlaps, strict=True))
        return [side if side == whole else max(step, 1) for side, whole, step in zip(roi, size, steps, strict=True)]

    def _weight(self, roi: tuple[int, ...], output: torch.Tensor) -> torch.Tensor:
        """Return the weight of each place of a window."""
        dtype = torch.promote_types(output.dtype, torch.float32)
        weight: torch.Tensor
        if self.roi_weight_map is not None:
            weight = self.roi_weight_map.to(output.device, dtype)
        else:
            weight = compute_importance_map(roi, self.mode, self.sigma_scale, output.device, dtype)
        return weight

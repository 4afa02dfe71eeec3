"""From probabilities to masks: the one rule by which results are scored, drawn and written."""

from __future__ import annotations

import torch

from monaiseg.data.classes import FOREGROUND, Classes

THRESHOLD = 0.5


def decided(probabilities: torch.Tensor, classes: Classes = FOREGROUND) -> torch.Tensor:
    """Return where each class is, as bool of the shape of `probabilities`, `[B, K, *spatial]`.

    A class is where its probability is above 0.5; of classes that exclude each other only the most probable one is.
    """
    return undisputed(probabilities, classes) > THRESHOLD


def undisputed(probabilities: torch.Tensor, classes: Classes) -> torch.Tensor:
    """Return the probabilities `[B, K, *spatial]`, each 0 where a class that excludes it is more probable."""
    if not classes.exclusive:
        return probabilities
    winner = probabilities.argmax(1, keepdim=True)
    return torch.zeros_like(probabilities).scatter_(1, winner, probabilities.gather(1, winner))

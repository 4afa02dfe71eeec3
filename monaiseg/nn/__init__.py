"""The toolkit for authors of networks: padding to divisible sizes, the common units, heads, samplings, initialisation.

It re-exports nothing that MONAI has: convolutions, norms and activations come from `monai.networks`.
"""

from monaiseg.nn._init import initialise
from monaiseg.nn._padding import PaddedNetwork, crop_to, pad_to_divisor
from monaiseg.nn._sampling import Upsampling, upsampling
from monaiseg.nn._units import ConvNormAct, DoubleConv, Norm, make_head

__all__ = [
    "ConvNormAct",
    "DoubleConv",
    "Norm",
    "PaddedNetwork",
    "Upsampling",
    "crop_to",
    "initialise",
    "make_head",
    "pad_to_divisor",
    "upsampling",
]

"""The toolkit for authors of networks: padding to divisible sizes, common units, encoders, heads, samplings, weights.

It re-exports nothing that MONAI has: convolutions, norms and activations come from `monai.networks`.
"""

from monaiseg.nn._encoders import EncoderLike, PlainEncoder, make_encoder, steps_between
from monaiseg.nn._init import initialise
from monaiseg.nn._layers import Layers, joined
from monaiseg.nn._layout import channels_last_fault, narrow_strided
from monaiseg.nn._norms import Norm, norm_layer
from monaiseg.nn._padding import PaddedNetwork, Stride, crop_to, pad_to_divisor, per_axis
from monaiseg.nn._renaming import join_names, rename_layers
from monaiseg.nn._sampling import MakeUpsampling, Upsampling, resized, upsampling
from monaiseg.nn._units import (
    Act,
    ConvNormAct,
    DoubleConv,
    MakeUnit,
    PreActResidual,
    make_head,
    unit_maker,
)
from monaiseg.nn._upsampled import Upsampled

__all__ = [
    "Act",
    "ConvNormAct",
    "DoubleConv",
    "EncoderLike",
    "Layers",
    "MakeUnit",
    "MakeUpsampling",
    "Norm",
    "PaddedNetwork",
    "PlainEncoder",
    "PreActResidual",
    "Stride",
    "Upsampled",
    "Upsampling",
    "channels_last_fault",
    "crop_to",
    "initialise",
    "join_names",
    "joined",
    "make_encoder",
    "make_head",
    "narrow_strided",
    "norm_layer",
    "pad_to_divisor",
    "per_axis",
    "rename_layers",
    "resized",
    "steps_between",
    "unit_maker",
    "upsampling",
]

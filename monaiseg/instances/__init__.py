"""Objects: what a network learns to tell those that touch apart, how they are decoded, and how that is tuned."""

from monaiseg.instances.decoding import ObjectDecoder, decode
from monaiseg.instances.plan import InstancePlan, Thresholds, instance_plan
from monaiseg.instances.targets import ChannelTargets

__all__ = ["ChannelTargets", "InstancePlan", "ObjectDecoder", "Thresholds", "decode", "instance_plan"]

"""Scores that say how they were computed, and the baseline that stands beside them."""

from monaiseg.metrics.baseline import OtsuBaseline, otsu_mask
from monaiseg.metrics.decision import decided
from monaiseg.metrics.measures import MEASURES, Measure
from monaiseg.metrics.scores import CaseScores
from monaiseg.metrics.summary import Line, Summary, contract
from monaiseg.metrics.table import CaseTable

__all__ = [
    "MEASURES",
    "CaseScores",
    "CaseTable",
    "Line",
    "Measure",
    "OtsuBaseline",
    "Summary",
    "contract",
    "decided",
    "otsu_mask",
]

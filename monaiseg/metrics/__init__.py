"""Scores that say how they were computed, and the baseline that stands beside them."""

from monaiseg.metrics.baseline import OtsuBaseline, otsu_mask
from monaiseg.metrics.scores import DEFINITION, CaseScore, CaseScores, score_masks

__all__ = ["DEFINITION", "CaseScore", "CaseScores", "OtsuBaseline", "otsu_mask", "score_masks"]

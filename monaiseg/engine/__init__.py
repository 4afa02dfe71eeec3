"""The engine: the parts that MONAI's trainer and evaluator are given, for 2D and 3D alike."""

from monaiseg.engine.attached import TrainingHandlers, ValidationHandlers
from monaiseg.engine.handlers import BestModel, LastState, ValidationBoard, write_scores
from monaiseg.engine.inferer import WholeOrWindowInferer
from monaiseg.engine.instances import TuneInstances, WriteInstances
from monaiseg.engine.optim import build_optimizer, build_scheduler
from monaiseg.engine.prediction import WriteMasks
from monaiseg.engine.progress import ProgressBar
from monaiseg.engine.report import EarlyStopping, EvaluationReport, Report
from monaiseg.engine.settings import Settings
from monaiseg.engine.steps import EvaluationStep, TrainingStep
from monaiseg.engine.validation import IntervalValidation, validation_interval

__all__ = [
    "BestModel",
    "EarlyStopping",
    "EvaluationReport",
    "EvaluationStep",
    "IntervalValidation",
    "LastState",
    "ProgressBar",
    "Report",
    "Settings",
    "TrainingHandlers",
    "TrainingStep",
    "TuneInstances",
    "ValidationBoard",
    "ValidationHandlers",
    "WholeOrWindowInferer",
    "WriteInstances",
    "WriteMasks",
    "build_optimizer",
    "build_scheduler",
    "validation_interval",
    "write_scores",
]

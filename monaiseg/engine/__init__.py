"""The engine: the parts that MONAI's trainer and evaluator are given, for 2D and 3D alike."""

from monaiseg.engine.attached import TrainingHandlers, ValidationHandlers
from monaiseg.engine.fitting import check_roi
from monaiseg.engine.handlers import BestModel, ValidationBoard, write_scores
from monaiseg.engine.inferer import StripInferer, WholeOrWindowInferer
from monaiseg.engine.instances import TuneInstances, WriteInstances
from monaiseg.engine.optim import build_optimizer
from monaiseg.engine.parallel import join_ranks, leave_ranks, parallel
from monaiseg.engine.prediction import WriteMasks
from monaiseg.engine.progress import ProgressBar
from monaiseg.engine.report import EarlyStopping, EvaluationReport, Report
from monaiseg.engine.resuming import Checkpoints
from monaiseg.engine.schedule import ScheduledRate
from monaiseg.engine.settings import Settings
from monaiseg.engine.steps import EvaluationStep, TrainingStep
from monaiseg.engine.strips import labels
from monaiseg.engine.torch_schedules import build_scheduler
from monaiseg.engine.training_table import TrainingTable
from monaiseg.engine.validation import IntervalValidation, validation_interval

__all__ = [
    "BestModel",
    "Checkpoints",
    "EarlyStopping",
    "EvaluationReport",
    "EvaluationStep",
    "IntervalValidation",
    "ProgressBar",
    "Report",
    "ScheduledRate",
    "Settings",
    "StripInferer",
    "TrainingHandlers",
    "TrainingStep",
    "TrainingTable",
    "TuneInstances",
    "ValidationBoard",
    "ValidationHandlers",
    "WholeOrWindowInferer",
    "WriteInstances",
    "WriteMasks",
    "build_optimizer",
    "build_scheduler",
    "check_roi",
    "join_ranks",
    "labels",
    "leave_ranks",
    "parallel",
    "validation_interval",
    "write_scores",
]

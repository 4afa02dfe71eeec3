"""Small generated sets, on which the product trains when it is given no data; no threshold can do their tasks."""

from monaiseg.data.generated.nuclei import generate_nuclei
from monaiseg.data.generated.polyps import generate_polyps
from monaiseg.data.generated.structures import generate_structure
from monaiseg.data.generated.writing import GENERATED, GeneratedKind, generated_kind, write_generated

__all__ = [
    "GENERATED",
    "GeneratedKind",
    "generate_nuclei",
    "generate_polyps",
    "generate_structure",
    "generated_kind",
    "write_generated",
]

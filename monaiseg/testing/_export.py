"""Checks of the ways out of Python: torch.export, ONNX, TorchScript, torch.compile."""

from __future__ import annotations

import importlib
import io
import os
import shutil
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from monaiseg.testing._check import NotApplicable, PromiseBroken, check, require
from monaiseg.testing._outcome import require_same, tensors
from monaiseg.testing._outputs import unpad
from monaiseg.testing._subject import Subject, evaluate

JUDGEABLE = ("builds", "repeatable")
ONNX = ("onnx", "onnxscript", "onnxruntime")


@check("torch.export gives the same at a fixed size", after=JUDGEABLE)
def export(subject: Subject) -> None:
    """Exported in evaluation at an odd size, the program gives what the network gives, for other values too."""
    network = subject.build().eval()
    program = _exported(network, _fixed(subject))
    for seed in (0, 1):
        x = _fixed(subject, seed)
        require_same(program.module()(x), evaluate(network, x), "exported")


@check("torch.export gives the same at sizes of `size_divisor` times k", after=("export", "size_divisor"))
def export_dynamic(subject: Subject) -> None:
    """The unpadded computation is exported with dynamic sides, and the program run at three sizes."""
    network, program = _dynamic(subject)
    for x in _other_sizes(subject):
        require_same(program.module()(x), evaluate(network, x), f"exported with dynamic sizes, at {list(x.shape[2:])}")


@check("ONNX gives the same at a fixed size", after=("export",), needs=ONNX)
def onnx(subject: Subject) -> None:
    """Exported in evaluation at an odd size, onnxruntime gives what the network gives."""
    network = subject.build().eval()
    session = _session(_exported(network, _fixed(subject)))
    x = _fixed(subject, 1)
    require_same(_run(session, x), tensors(evaluate(network, x)), "in onnxruntime", 1e-3)


@check("ONNX gives the same at sizes of `size_divisor` times k", after=("onnx", "export_dynamic"), needs=ONNX)
def onnx_dynamic(subject: Subject) -> None:
    """The unpadded computation is exported with dynamic sides; onnxruntime runs it at three sizes."""
    network, program = _dynamic(subject)
    session = _session(program)
    for x in _other_sizes(subject):
        wanted = tensors(evaluate(network, x))
        require_same(_run(session, x), wanted, f"in onnxruntime, at {list(x.shape[2:])}", 1e-3)


@check("TorchScript by trace gives the same in evaluation", after=JUDGEABLE)
def torchscript(subject: Subject) -> None:
    """Traced, saved and loaded, it gives what the network gives, for other values too."""
    network = subject.build().eval()
    (x,) = subject.inputs()
    with torch.no_grad():
        traced = torch.jit.trace(network, x, check_trace=False)  # type: ignore[no-untyped-call]
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    loaded = torch.jit.load(file)  # type: ignore[no-untyped-call]
    for seed in (0, 1):
        (x,) = subject.inputs(seed=seed)
        require_same(evaluate(loaded, x), evaluate(network, x), "traced")


@check("torch.compile gives the same", after=JUDGEABLE, once=True)
def compile(subject: Subject) -> None:
    """Compiled by inductor, evaluation gives what the network gives."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if not compiler:
        raise NotApplicable("torch.compile needs a C++ compiler; install g++ or clang++")
    network = subject.build().eval()
    (x,) = subject.inputs()
    wanted = evaluate(network, x)
    torch._dynamo.reset()
    try:
        found = evaluate(torch.compile(network), x)  # type: ignore[arg-type]
    except Exception as error:
        if "CppCompileError" in f"{type(error).__name__} {error}":
            raise NotApplicable(f"{compiler} cannot compile what torch.compile writes") from error
        raise
    finally:
        torch._dynamo.reset()
    require_same(found, wanted, "compiled")


def _fixed(subject: Subject, seed: int = 0) -> torch.Tensor:
    """Return an image of odd size, or of a divisible one where the odd one is refused."""
    size = subject.odd if subject.takes(subject.odd) else subject.plain
    return subject.inputs(1, size, seed)[0]


def _other_sizes(subject: Subject) -> Iterator[torch.Tensor]:
    """Give images whose sides are divisible, at least twice, by the divisor: torch takes a dynamic 1 for a constant."""
    d = subject.divisor
    for more in (0, 1, 2):
        size = tuple(max(side, 2 * d) + d * (more + axis * (more > 0)) for axis, side in enumerate(subject.plain))
        yield subject.inputs(1, size, seed=more)[0]


def _exported(network: nn.Module, x: torch.Tensor, sides: dict[int, Any] | None = None) -> ExportedProgram:
    with torch.no_grad():
        return torch.export.export(network, (x,), dynamic_shapes=(sides,) if sides else None, strict=False)


def _dynamic(subject: Subject) -> tuple[nn.Module, ExportedProgram]:
    network = subject.build().eval()
    unpad(network)
    d = subject.divisor
    least = -(-max(subject.min_size, 2 * d) // d)
    sides = {2 + axis: d * Dim(f"side{axis}", min=least, max=4096) for axis in range(subject.spatial_dims)}
    return network, _exported(network, next(_other_sizes(subject)), sides)


def _session(program: ExportedProgram) -> Any:
    runtime = importlib.import_module("onnxruntime")
    try:
        exported: Any = torch.onnx.export(program, (), dynamo=True, verbose=False)
    except Exception as error:
        raise PromiseBroken(f"it cannot be exported to ONNX: {_root(error)}") from error
    return runtime.InferenceSession(exported.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])


def _run(session: Any, x: torch.Tensor) -> list[torch.Tensor]:
    inputs = session.get_inputs()
    require(len(inputs) == 1, f"the ONNX model has {len(inputs)} inputs")
    return [torch.as_tensor(array) for array in session.run(None, {inputs[0].name: x.numpy()})]


def _root(error: BaseException) -> BaseException:
    """Return the error that it all began with."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error

"""Writes docs/compatibility.md: which of PyTorch's public names are here, which with limits, which are not. `make compatibility`.

A name is here with limits where its Python signature lacks a parameter that PyTorch's has, or where LIMITS says what it cannot do.
"""

from __future__ import annotations

import inspect
import pathlib
import re
import sys
import types

import glassgrad

PAGE = pathlib.Path(__file__).parent.parent / "docs" / "compatibility.md"
NAMESPACES = ["torch", "torch.Tensor", "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.nn.utils", "torch.optim", "torch.optim.lr_scheduler", "torch.autograd",
              "torch.autograd.functional", "torch.autograd.forward_ad", "torch.autograd.graph", "torch.func", "torch.linalg", "torch.special", "torch.fft", "torch.signal.windows", "torch.utils.data",
              "torch.testing", "torch.random", "torch.distributions", "torch.distributions.constraints"]  # fmt: skip
LIMITS = {
    "torch.load": "reads safetensors and PyTorch's files of tensors and plain containers; executes nothing; no mmap", "torch.save": "writes safetensors, no pickles: state dicts and containers, not modules",
    "torch.compile": "returns the function as it is", "torch.Tensor.to": "one device, the CPU", "torch.Tensor.cuda": "raises, as a CPU build does", "torch.Tensor.type": "types of the CPU",
    "torch.nn.Embedding": "no sparse gradients", "torch.nn.functional.embedding": "no sparse gradients", "torch.nn.EmbeddingBag": "no sparse gradients",
    "torch.gather": "no sparse gradients", "torch.Tensor.gather": "no sparse gradients", "torch.nn.AdaptiveMaxPool2d": "not inside vmap or forward mode",
    "torch.nn.functional.adaptive_max_pool2d": "not inside vmap or forward mode", "torch.as_strided": "its gradient takes the memory of contiguous tensors", "torch.norm": "norms of vectors: linalg.norm has the others",
    "torch.distributions.Wishart": "for a seed, other samples than PyTorch's", "torch.nn.Hardtanh": "without the deprecated names of its bounds", "torch.utils.data.DataLoader": "pin_memory warns that there is no accelerator",
}  # fmt: skip
ASIDE = re.compile(  # machinery of other devices, compilers and file formats, which has no meaning on NumPy
    r"^_|quantiz|^q_|qscheme|int_repr|fbgemm|mkldnn|miopen|cudnn|xla|ipu|xpu|mtia|maia|vulkan|sparse|csr|csc|bsr|bsc|coo|crow_|ccol_|col_ind|row_ind|autocast|Sym|sym_|jit|JIT|"
    r"parse_|import_ir|merge_type|unify_type|fork$|^wait$|init_num_threads|nested|padded_tensor|_copy$|batch_norm_|native_|rnn_tanh_cell|rnn_relu_cell|fake_|fused_|vmap_internals|"
    r"Stream|Event|Storage|storage|GradScaler|DisableTorchFunction|AcceleratorError|OutOfMemoryError|FatalError|DeviceType|Profiler|Kineto|kineto|cuda|prepare_multi|compiled_with|"
    r"handle_torch_function|has_torch_function|is_distributed|const_data_ptr|hash_tensor|BroadcastingList|boolean_dispatch|assert_int_or_pair|DataPipe|DataChunk|runtime_validation|"
    r"argument_validation|functional_datapipe|guaranteed_|non_deterministic|get_file_path|thread_safe_generator|while_loop|profiler_|unsafe_|slice_inverse|lobpcg|^dsmm|^hsmm|^hspmm|smm$|^spmm|"
    r"sspaddmm|saddmm|record_stream|module_load|reinforce|^volatile|to_dense|to_mkldnn|coalesce|^indices$|^values$|dense_dim|sparse_dim|dequantize|grouped_mm|scaled_mm|ScalingType|SwizzleType|"
    r"clear_autocast|convert_conv|TorchDispatchMode|^Variable$|stale_capture|accumulate_grad_stream|enforce_grad_layout|is_view_replay|Config$|^Container$|DataParallel|SyncBatchNorm|NLLLoss2d|"
    r"factory_kwargs|swap_in_optimizer|with_indices$|choose_qparams|empty_quantized|classproperty|is_tensor_like|NestedIO|^variable$|debug_unwrap|^Tensor_$|^memory_format$|_notes$|^common_|_common$|^EPOCH|^inf$|^Tensor$|^AVG$|^SUM$|^log$|resize_as_sparse|untyped"
)


def public(owner: object) -> list[str]:
    return sorted(n for n in dir(owner) if not n.startswith("_") and not isinstance(getattr(owner, n, None), types.ModuleType))


def found(path: str, root: object) -> object:
    for part in path.split(".")[1:]:
        root = getattr(root, part)
    return root


def parameters(thing: object) -> set[str] | None:
    """The names of a function's or class's parameters, from its signature or the first line of its documentation; None where neither tells."""
    try:
        given = list(inspect.signature(thing).parameters.values())  # type: ignore[arg-type]
        if any(p.kind is p.VAR_KEYWORD for p in given):
            return None
        return {p.name for p in given if p.kind is not p.VAR_POSITIONAL}
    except (ValueError, TypeError):
        line = (getattr(thing, "__doc__", None) or "").strip().split("\n")[0]
        match = re.match(r"^[\w.]+\((.*)\)\s*->", line)
        if match is None or "*args" in match[1]:
            return None
        return {p.split("=")[0].strip() for p in re.split(r",\s*(?![^(]*\))", match[1]) if re.match(r"^\w+(=|$|\s)", p.strip())}


UNSAID = {"iterable", "orig_func", "shape", "dividend", "divisor", "new_state", "b", "B", "values", "extra_dict", "hooks_dict", "self", "input", "layout", "device", "pin_memory", "memory_format", "names", "dtype", "foreach", "fused", "capturable", "cls", "args", "kwargs"}


def lacking(theirs: object, ours: object) -> list[str]:
    """Parameters that PyTorch's has and ours lacks."""
    if type(theirs).__name__ == "method_descriptor":
        return []  # the documentation of tensors' methods does not name their parameters as they are
    a, b = parameters(theirs), parameters(ours)
    return [] if a is None or b is None else sorted(a - b - UNSAID)


def belongs(owner_path: str, name: str, thing: object) -> bool:
    """Whether a name is PyTorch's own, and not something that its module imported."""
    module = getattr(thing, "__module__", None) or ""
    if owner_path == "torch":
        import torch

        inner = isinstance(thing, type) and (module.startswith("torch._C") or type(thing).__name__ == "pybind11_type" or not module.startswith("torch"))
        return (name in torch.__all__ or inspect.isbuiltin(thing)) and not (inner and name not in dir(glassgrad)) and not isinstance(thing, torch.dtype | torch.layout)
    return owner_path in ("torch.Tensor",) or not isinstance(thing, type(re)) and (module.startswith("torch") or module == "" or not callable(thing)) and name not in ("annotations",)


def page() -> str:
    import torch
    import torch.nn.utils.rnn  # noqa: F401
    import torch.utils.data  # noqa: F401

    parts, counts = [], [0, 0, 0]
    for path in NAMESPACES:
        theirs, ours = found(path, torch), found(path, glassgrad)
        here, limited, missing = [], [], []
        for name in public(theirs):
            thing = getattr(theirs, name, None)
            typing_name = getattr(type(thing), "__module__", "") == "typing" or name in ("Any", "Callable", "Optional", "Sequence", "TYPE_CHECKING", "annotations")
            if typing_name or not belongs(path, name, thing):
                continue
            if not hasattr(ours, name):
                if not ASIDE.search(name):
                    missing.append(name)
                continue
            lacks = lacking(thing, getattr(ours, name))
            limit = LIMITS.get(f"{path}.{name}") or (f"without {', '.join(lacks)}" if lacks else "")
            (limited if limit else here).append((name, limit))
        counts = [a + b for a, b in zip(counts, (len(here), len(limited), len(missing)))]
        parts += [f"\n## {path}\n", f"**Here ({len(here)}):** {', '.join(n for n, _ in here) or 'none'}.\n"]
        if limited:
            parts += ["**Here, with limits:**\n", *[f"- `{n}`: {limit}" for n, limit in limited], ""]
        parts.append(f"**Not here ({len(missing)}):** {', '.join(missing) or 'none'}.\n")
    head = f"""# Compatibility with PyTorch {torch.__version__.split("+")[0]}

Written by `make compatibility` from PyTorch's public names: {counts[0]} are here, {counts[1]} are here with limits, {counts[2]} are not. A name that is
missing raises AttributeError, which names the nearest one that is here; an option that is missing raises. Names that only mean something on other
devices, for compilers, for sparse or quantized tensors are left out of the lists, and are not here.

Everywhere: one device, the CPU; the dtypes float16, float32, float64, complex64, complex128, the integers of 8 to 64 bits with uint8, and bool (no bfloat16);
tensors in strided memory (no sparse, nested or quantized ones); no distributed training, no `torch.export`; what TorchScript would compile runs as it is.
"""
    return head + "\n".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == text else "docs/compatibility.md is not what `make compatibility` writes now")
    PAGE.write_text(text)
    print(text.split("\n")[2])

"""Kernels for nbval that are forked: what all notebooks import is imported once."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from nbval.kernel import CURRENT_ENV_KERNEL_NAME, NbvalKernelspecManager

MODULES = ("numpy", "seaborn", "sympy", "ipywidgets", "torch._dynamo")
"""What takes seconds to import, none of it the course's; torch takes the last for an optimizer."""


class Forked(NbvalKernelspecManager):
    """Where there can be a nursery, give the kernels that it forks; elsewhere ordinary ones."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel of a name; see `jupyter_client.kernelspec.KernelSpecManager`."""
        folder = _nursery() if kernel_name == CURRENT_ENV_KERNEL_NAME else None
        return (
            KernelSpec.from_resource_dir(folder) if folder else super().get_kernel_spec(kernel_name)
        )


@cache
def _nursery() -> str | None:
    """Start the nursery of this process; return the folder that describes its kernels."""
    from course_utils.classroom.serve import kernels

    inline = "module://matplotlib_inline.backend_inline"  # read when Matplotlib is imported
    stack = ExitStack()
    atexit.register(stack.close)
    began = stack.enter_context(kernels({**os.environ, "MPLBACKEND": inline}, MODULES))
    path = began.get("JUPYTER_PATH")
    if path == os.environ.get("JUPYTER_PATH"):
        return None
    return str(Path(path.split(os.pathsep)[0], "kernels", "python3"))

"""A generator a seed."""

import numpy as np
import pytest
import torch

from course_utils.generators import seeded


@pytest.mark.parametrize("seed", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3)])
def test_a_seed_is_a_whole_number_of_any_kind(seed):
    wanted = torch.Generator().manual_seed(3)
    assert torch.equal(torch.rand(5, generator=seeded(seed)), torch.rand(5, generator=wanted))


@pytest.mark.parametrize("seed", [3.0, "3", None, True, np.float64(3), [3], 2**64, -(2**63) - 1])
def test_anything_else_is_refused_in_words(seed):
    with pytest.raises(ValueError, match="seed must be a whole number of at most 64 bits, got "):
        seeded(seed)

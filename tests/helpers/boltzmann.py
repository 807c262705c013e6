"""What the tests of Boltzmann machines share: machines with biases, states, and scikit-learn's."""

import itertools

import torch
from helpers.numbers import seeded
from sklearn.neural_network import BernoulliRBM

from course_utils.boltzmann import RBM


def all_states(n, dtype=torch.float64):
    """Return every state of n units, (2ⁿ, n), without the package's help."""
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=n)), dtype=dtype)


def random_rbm(n_visible=4, n_hidden=3, *, seed=0, std=0.8, **options):
    rbm = RBM(n_visible, n_hidden, std=std, seed=seed, dtype=torch.float64, **options)
    source = seeded(seed + 100)
    rbm.visible_bias.normal_(generator=source)
    rbm.hidden_bias.normal_(generator=source)
    return rbm


def bits(n, n_visible, seed=0, dtype=torch.float64):
    return torch.randint(2, (n, n_visible), generator=seeded(seed)).to(dtype)


def scikit_learns(rbm, **options):
    """Return scikit-learn's RBM with the same weights and biases."""
    theirs = BernoulliRBM(len(rbm.weight), **options)
    theirs.components_ = rbm.weight.numpy().copy()
    theirs.intercept_hidden_ = rbm.hidden_bias.numpy().copy()
    theirs.intercept_visible_ = rbm.visible_bias.numpy().copy()
    theirs.n_features_in_ = rbm.weight.shape[1]
    return theirs

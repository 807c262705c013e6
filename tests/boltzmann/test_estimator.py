"""What scikit-learn does with a transformer, done with an RBM."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from helpers.boltzmann import bits, random_rbm, scikit_learns
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from course_utils.boltzmann import RBM

QUIET = {"rbm__log": None, "rbm__epochs": 2, "rbm__batch_size": 20}


@pytest.fixture(scope="module")
def digits():
    """Half of scikit-learn's digits, black and white, and what they show."""
    data, labels = load_digits(return_X_y=True)
    return (data[:900] > 8).astype(float), labels[:900]


def same_parameters(a, b):
    return all(map(torch.equal, a.parameters(), b.parameters()))


def test_hidden_probabilities_and_scores_are_scikit_learns(monkeypatch):
    rbm, v = random_rbm(12, 7), bits(50, 12).numpy()
    theirs = scikit_learns(rbm, random_state=3)
    assert np.abs(rbm.transform(v) - theirs.transform(v)).max() < 1e-12
    flipped = torch.from_numpy(np.random.RandomState(3).randint(0, 12, 50))
    monkeypatch.setattr(torch, "randint", lambda *a, **k: flipped)
    assert np.abs(rbm.score_samples(v) - theirs.score_samples(v)).max() < 1e-12


def test_scores_have_the_exact_pseudo_likelihood_as_their_mean_and_are_drawn_anew():
    rbm, v = random_rbm(5, 4), bits(1, 5)
    scores = rbm.score_samples(v.expand(20_000, 5).contiguous())
    exact = rbm.pseudo_log_likelihood(v, exact=True).item()
    assert abs(scores.mean().item() - exact) < 4.5 * scores.std().item() / 20_000**0.5
    assert not torch.equal(rbm.score_samples(v.expand(50, 5)), rbm.score_samples(v.expand(50, 5)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arrays_give_arrays_and_tensors_give_tensors_with_the_same_numbers(dtype):
    rbm, v = RBM(6, 4, std=1.0, dtype=dtype), bits(5, 6, dtype=dtype)
    rbm.hidden_bias.requires_grad_()
    expected = rbm.transform(v)
    assert isinstance(expected, torch.Tensor) and expected.shape == (5, 4)
    assert torch.equal(expected, rbm.hidden_given_visible(v))
    given = [v.numpy().astype(kind) for kind in ("f4", "f8", ">f8", "i8", "?")] + [v.tolist()]
    for images in given:
        found = rbm.transform(images)
        assert isinstance(found, np.ndarray) and np.array_equal(found, expected.detach().numpy())
        assert isinstance(rbm.score_samples(images), np.ndarray)
    assert isinstance(rbm.score_samples(v), torch.Tensor)


@pytest.mark.parametrize("kind", ["f4", "f8", "?", "list"])
def test_learning_from_arrays_or_lists_is_learning_from_the_tensor(digits, kind):
    images = digits[0][:200]
    given = images.tolist() if kind == "list" else images.astype(kind)
    by_tensor, by_array, stepped = RBM(64, 5), RBM(64, 5), RBM(64, 5)
    tensor, options = torch.from_numpy(images).float(), {"epochs": 1, "log": None}
    one = by_tensor.fit(tensor, held_out=tensor[:50], **options)
    other = by_array.fit(given, digits[1], held_out=given[:50], **options)
    assert same_parameters(by_tensor, by_array) and one.free_energy_gap == other.free_energy_gap
    stepped.partial_fit(given, digits[1], lr=0.5)
    assert same_parameters(stepped, RBM(64, 5).partial_fit(tensor, lr=0.5))


@pytest.mark.parametrize(
    "door", ["fit", "fit_transform", "partial_fit", "transform", "score_samples"]
)
@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (pd.DataFrame(np.zeros((200, 4))), TypeError, "got DataFrame: try .*to_numpy"),
        (scipy.sparse.csr_matrix((200, 4)), TypeError, "got csr_matrix: try .*toarray"),
        ([["a"] * 4] * 200, TypeError, "must be a tensor of numbers, got list"),
        ("images.npy", TypeError, "must be a tensor of numbers, got str"),
        (None, TypeError, "must be a tensor of numbers, got NoneType"),
        (np.zeros((200, 5)), ValueError, r"must have the shape \(n, 4\), got \(200, 5\)"),
        (np.full((200, 4), np.nan), ValueError, "must be finite, but holds nan"),
        (torch.zeros(200, 4, dtype=torch.float64), ValueError, "is torch.float64 on cpu"),
    ],
)  # fmt: skip
def test_what_is_no_image_is_named(door, images, error, words):
    rbm = RBM(4, 3)
    with pytest.raises(error, match=words):
        getattr(rbm, door)(images)
    assert rbm.learner.steps == 0 and not rbm.visible_bias.any()


@pytest.mark.parametrize("door", ["fit", "transform", "score_samples", "partial_fit"])
def test_images_are_called_what_the_door_calls_them(door):
    with pytest.raises(TypeError, match=r"^v\b" if door == "partial_fit" else r"^images\b"):
        getattr(RBM(4, 3), door)("images.npy")


# --- parameters ----------------------------------------------------------------------------------

OPTIONS = {
    "visible": "gaussian",
    "std": 0.25,
    "seed": 2**40 + 1,
    "dtype": torch.float64,
    "device": "cpu",
}


@pytest.mark.parametrize("options", [{}, OPTIONS, {"seed": np.int64(3), "std": np.float32(0.5)}])
def test_a_clone_is_a_fresh_rbm_with_the_same_parameters(options):
    n_visible, n_hidden = np.int64(600), 432
    rbm = RBM(n_visible, n_hidden, **options)
    parameters = rbm.get_params()
    assert list(parameters) == ["n_visible", "n_hidden", *OPTIONS]
    assert parameters["n_visible"] is n_visible and parameters["n_hidden"] is n_hidden
    assert {name: parameters[name] for name in options} == options
    assert rbm.get_params(deep=False) == parameters
    rbm.hidden_bias += 1
    fresh = clone(rbm)
    assert type(fresh) is RBM and fresh.get_params() == parameters
    assert same_parameters(fresh, RBM(n_visible, n_hidden, **options))


def test_setting_parameters_begins_anew_with_them(digits):
    rbm = RBM(64, 5, seed=3)
    rbm.fit(digits[0][:200], epochs=1, log=None)
    learned = rbm.weight.clone()
    assert rbm.set_params() is rbm and torch.equal(rbm.weight, learned)
    assert rbm.set_params(n_hidden=7, std=0.5) is rbm
    assert rbm.weight.shape == (7, 64) and rbm.learner.steps == 0
    assert same_parameters(rbm, RBM(64, 7, std=0.5, seed=3))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"n_components": 3}, "RBM has no parameter 'n_components': try one of n_visible, n_hid"),
        ({"n_hidden": 3, "lr": 0.1}, "RBM has no parameter 'lr'"),
        ({"n_hidden": 0}, "n_hidden must be a whole number of at least 1, got 0"),
        ({"n_hidden": 9, "visible": "binary"}, "visible must be"),
        ({"n_hidden": 9, "seed": "a"}, "seed must be"),
    ],
)
def test_parameters_that_are_none_are_named_and_nothing_has_changed(wrong, words):
    rbm = RBM(6, 4)
    before, parameters = rbm.weight.clone(), rbm.get_params()
    with pytest.raises(ValueError, match=words):
        rbm.set_params(**wrong)
    assert torch.equal(rbm.weight, before) and rbm.get_params() == parameters


# --- pipelines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy], ids=["array", "tensor"])
def test_a_pipeline_is_the_rbm_and_then_the_classifier(digits, convert):
    images, labels = convert(digits[0]), digits[1]
    rbm = RBM(64, 20, dtype=torch.float64)
    model = Pipeline([("rbm", rbm), ("classifier", LogisticRegression(max_iter=500))])
    assert model.fit(images, labels, rbm__lr=0.05, **QUIET) is model
    assert model[0] is rbm and rbm.learner.steps == 2 * 45
    alone = RBM(64, 20, dtype=torch.float64)
    history = alone.fit(torch.from_numpy(digits[0]), epochs=2, batch_size=20, lr=0.05, log=None)
    assert history.outcome == "finished" and same_parameters(rbm, alone)
    hidden = alone.transform(digits[0])
    by_hand = LogisticRegression(max_iter=500).fit(hidden, labels)
    assert np.array_equal(model.predict(images), by_hand.predict(hidden))
    assert model.score(images, labels) == by_hand.score(hidden, labels)
    assert is_classifier(model) and "RBM" in repr(model) and "RBM" in model._repr_html_()


def test_the_options_of_fit_are_its_own_where_none_are_given(digits):
    one, other = RBM(64, 5), RBM(64, 5)
    features = one.fit_transform(digits[0][:200], digits[1][:200])
    other.fit(digits[0][:200])
    assert same_parameters(one, other)
    assert np.array_equal(features, other.transform(digits[0][:200]))


def test_searches_cross_validation_and_caches_use_clones(digits, tmp_path):
    images, labels = digits
    classifier = LogisticRegression(max_iter=200)
    rbm = RBM(64, 5, seed=3)
    model = Pipeline([("rbm", rbm), ("classifier", classifier)])
    search = GridSearchCV(model, {"rbm__n_hidden": [2, 20]}, cv=2).fit(images, labels, **QUIET)
    assert search.best_params_ == {"rbm__n_hidden": 20}
    assert search.best_estimator_[0].weight.shape == (20, 64)
    scores = cross_val_score(search.best_estimator_, images, labels, cv=2, params=QUIET)
    assert scores.shape == (2,) and rbm.learner.steps == 0
    cached = Pipeline(model.steps, memory=str(tmp_path)).fit(images, labels, **QUIET)
    assert rbm.learner.steps == 0 and cached[0].learner.steps == 2 * 45
    again = Pipeline(model.steps, memory=str(tmp_path)).fit(images, labels, **QUIET)
    assert same_parameters(cached[0], again[0])


def test_an_rbm_may_be_the_last_part_and_one_of_several(digits):
    images, labels = digits
    last = Pipeline([("nothing", "passthrough"), ("rbm", RBM(64, 5))])
    last.fit(images, labels, **QUIET)
    assert np.array_equal(last.transform(images), last[1].transform(images))
    assert last.score_samples(images).shape == (900,)
    union = FeatureUnion([("a", RBM(64, 3)), ("b", RBM(64, 4, seed=1))])
    assert make_pipeline(union, LogisticRegression()).fit(images, labels).score(images, labels) > 0


def test_scikit_learn_sees_a_transformer_without_labels_as_its_own_rbm_is_one():
    ours, its = get_tags(RBM(64, 5)), get_tags(BernoulliRBM())
    assert ours.target_tags == its.target_tags and ours.estimator_type == its.estimator_type
    assert isinstance(ours.transformer_tags, type(its.transformer_tags))


def test_scikit_learn_sees_whether_it_has_learned(digits):
    rbm = RBM(64, 5)
    with pytest.raises(ValueError, match="is not fitted yet"):  # NotFittedError is one
        check_is_fitted(rbm)
    rbm.partial_fit(digits[0][:10])
    check_is_fitted(rbm)


@pytest.mark.parametrize(
    ("problem", "error", "words"),
    [
        (KeyboardInterrupt, KeyboardInterrupt, None),
        (FloatingPointError, FloatingPointError, "diverged.*smaller learning rate"),
    ],
)
def test_a_training_that_was_interrupted_or_diverged_ends_the_pipeline(
    digits, problem, error, words
):
    def stop(step):
        raise problem

    model = make_pipeline(RBM(64, 5), LogisticRegression())
    with pytest.raises(error, match=words):
        model.fit(*digits, rbm__after_step=stop, rbm__log=None)
    assert not hasattr(model[1], "classes_")


@pytest.mark.parametrize("way", [copy.deepcopy, lambda rbm: pickle.loads(pickle.dumps(rbm))])
def test_a_copy_goes_on_as_the_rbm_would_and_shares_nothing_with_it(way):
    rbm, v = RBM(6, 4, std=0.5), bits(20, 6, dtype=torch.float32)
    options = {"persistent": True, "momentum": 0.9}
    rbm.partial_fit(v, **options)
    twin = way(rbm)
    assert twin.generator is twin.learner.generator is not rbm.generator
    before = twin.weight.clone()
    rbm.partial_fit(v, **options)
    assert torch.equal(twin.weight, before)
    twin.partial_fit(v, **options)
    assert same_parameters(rbm, twin) and torch.equal(rbm.sample(3, 4), twin.sample(3, 4))
    assert clone(twin).get_params() == rbm.get_params()


# --- what people hand over -----------------------------------------------------------------------


def test_a_hair_over_one_is_rounding():
    images = np.random.default_rng(0).normal(size=(500, 64)).astype("f4")
    assert MinMaxScaler().fit_transform(images).max() > 1
    model = make_pipeline(MinMaxScaler(), RBM(64, 5))
    assert model.fit_transform(images, rbm__log=None, rbm__epochs=1).shape == (500, 5)
    with pytest.raises(ValueError, match=r"got 0 to 1.001: try dividing by the greatest value"):
        RBM(64, 5).fit(np.linspace(0, 1.001, 6400).reshape(100, 64), log=None)


@pytest.mark.parametrize("door", ["fit", "transform", "score_samples", "partial_fit"])
@pytest.mark.parametrize("kind", ["u1", "f4", "f8", torch.uint8, torch.float32])
def test_grey_values_up_to_255_are_refused_at_every_door(door, kind):
    grey = np.arange(400) % 256
    is_torch = isinstance(kind, torch.dtype)
    images = torch.as_tensor(grey).to(kind) if is_torch else grey.astype(kind)
    with pytest.raises(ValueError, match="255"):
        getattr(RBM(4, 3), door)(images.reshape(100, 4))


def test_the_advice_for_bytes_is_to_divide_them():
    grey = (torch.arange(400) % 256).to(torch.uint8).reshape(100, 4)
    with pytest.raises(ValueError, match=r"try v.to\(rbm.weight\) / 255$"):
        RBM(4, 3).hidden_given_visible(grey)


@pytest.mark.parametrize("door", ["fit", "transform", "score_samples"])
def test_images_of_rows_and_columns_are_told_to_be_flattened(door):
    with pytest.raises(
        ValueError, match=r"\(n, 4\), got \(9, 2, 2\): try \w+.reshape\(len\(\w+\), -1\)$"
    ):
        getattr(RBM(4, 3), door)(torch.zeros(9, 2, 2))
    with pytest.raises(TypeError, match=r"must be .*dense.*to_dense\(\)"):
        getattr(RBM(4, 3), door)(torch.zeros(9, 4).to_sparse())


def test_hidden_units_have_names_in_a_pipeline(digits):
    model = make_pipeline(MinMaxScaler(), RBM(64, 3)).fit(digits[0][:100], rbm__log=None)
    assert model.get_feature_names_out().tolist() == ["rbm0", "rbm1", "rbm2"]


@pytest.mark.parametrize("make", [torch.tensor, np.array, np.float64])
def test_numbers_come_as_tensors_and_arrays_too(digits, make):
    images, plain = digits[0][:200], RBM(64, 5, std=0.02)
    plain.fit(images, epochs=1, lr=(0.25, 0.125), log=None)
    whole = make if make is not np.float64 else np.int64
    rbm = RBM(whole(64), whole(5), std=make(0.02))
    rate = (0.25, 0.125) if make is np.float64 else make([0.25, 0.125])
    rbm.fit(images, epochs=whole(1), lr=rate, batch_size=whole(100), log=None)
    assert same_parameters(plain, rbm)


def test_half_precision_and_names_of_dtypes_are_refused_for_their_own_reasons():
    with pytest.raises(ValueError, match=r"got torch.float16: in half precision small updates"):
        RBM(3, 2, dtype=torch.float16)
    with pytest.raises(ValueError, match=r"must be torch.float32 or torch.float64, got 'float32'$"):
        RBM(3, 2, dtype="float32")


@pytest.mark.parametrize("door", ["fit", "transform", "score_samples"])
def test_the_digits_of_scikit_learn_are_told_to_be_divided_by_16(door):
    pixels = load_digits().data
    for images in (pixels, torch.as_tensor(pixels).float()):
        with pytest.raises(ValueError, match=r"(divide|dividing) by 16\b"):
            getattr(RBM(64, 5), door)(images)
    assert getattr(RBM(64, 5), door)(pixels / 16) is not None


@pytest.mark.parametrize("as_given", [np.asarray, torch.as_tensor])
def test_gaussian_units_take_counts_from_arrays_and_tensors_alike(as_given):
    counts = np.random.default_rng(0).poisson(1.0, (200, 5)).astype("f4")
    rbm = RBM(5, 3, visible="gaussian")
    rbm.fit(as_given(counts), lr=1e-3, log=None)
    assert rbm.transform(as_given(counts)).shape == (200, 3)


def test_what_is_wrong_with_images_is_said_of_images():
    with pytest.raises(ValueError, match=r"images must have the shape \(n, 4\)"):
        RBM(4, 3).score_samples(torch.zeros(4))
    with pytest.raises(
        ValueError, match=r"images is torch.float64 .*: try images.to\(rbm.weight\)"
    ):
        RBM(4, 3).transform(torch.zeros(2, 4).double())
    with pytest.raises(TypeError, match=r"v must be .*DataFrame: try torch.as_tensor\(v.to_numpy"):
        RBM(4, 3).free_energy(pd.DataFrame(np.zeros((2, 4))))

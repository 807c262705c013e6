"""What scikit-learn calls a transformer: the names under which it asks an RBM for what it does.

>>> model = make_pipeline(RBM(784, 500), LogisticRegression())
>>> model.fit(images, labels, rbm__epochs=3, rbm__lr=0.05)  # the options of `RBM.fit`
>>> search = GridSearchCV(model, {"rbm__n_hidden": [100, 500]})  # the constructor's parameters

`fit` goes on from where an RBM stands, and returns the history, not the RBM: `clone` gives a fresh
one, `fit_transform` the features. scikit-learn itself is not imported before it asks.
"""

from __future__ import annotations

import inspect

import numpy as np
from torch import Tensor

from course_utils.training import interrupts_passed_on


class Estimator:
    """Lets `clone`, pipelines and searches of scikit-learn work with an RBM, as a transformer.

    The class that inherits it keeps each parameter of its constructor, as it was given, in an
    attribute of the same name, and has `fit`, `read`, `check_values`, `hidden_given_visible`,
    `pseudo_log_likelihood` and `learner`.
    """

    def get_params(self, deep: bool = True) -> dict:
        """Return the constructor's parameters by name; ``deep`` means nothing here."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params) -> Estimator:
        """Begin anew with these parameters of the constructor, the others as they are.

        Raises
        ------
        ValueError
            If there is no such parameter, or the constructor refuses it; nothing has changed then.
        """
        known = self.get_params()
        for name in params.keys() - known:
            kind = type(self).__name__
            raise ValueError(f"{kind} has no parameter {name!r}: try one of {', '.join(known)}")
        if params:
            self.__init__(**known | params)
        return self

    def fit_transform(
        self, images: Tensor | np.ndarray, y: object = None, **options
    ) -> Tensor | np.ndarray:
        """Learn from images (n, n_visible) as `fit` does, then return their :meth:`transform`.

        Parameters
        ----------
        y
            Ignored: an RBM learns without labels.
        **options
            Of `fit`.

        Raises
        ------
        KeyboardInterrupt, FloatingPointError
            If the training was interrupted, or diverged: whoever goes on with the result must know.
        """
        with interrupts_passed_on():
            history = self.fit(images, **options)
        if history.outcome == "diverged":
            raise FloatingPointError(
                "The RBM diverged: its weights are no longer finite. Try a smaller learning rate"
            )
        return self.transform(images)

    def transform(self, images: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """Return p(h = 1 | v) of images (n, n_visible), (n, n_hidden): a tensor for a tensor.

        For a NumPy array, or lists, it is an array, of the dtype of the weights.
        """
        return _like(images, self.hidden_given_visible(self._read(images)))

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return what a pipeline calls the hidden units: ``"rbm0"`` and so on."""
        names = [f"{type(self).__name__.lower()}{i}" for i in range(self.n_hidden)]
        return np.array(names, dtype=object)

    def score_samples(self, images: Tensor | np.ndarray) -> Tensor | np.ndarray:
        """Return `pseudo_log_likelihood` of images (n, n_visible), (n,), in nats.

        It is what scikit-learn's ``BernoulliRBM.score_samples`` returns: an estimate from one bit
        of each image, which is drawn anew at each call, here from the RBM's generator. As there,
        its mean over the draws is the exact one.
        """
        return _like(images, self.pseudo_log_likelihood(self._read(images)))

    def _read(self, images: Tensor | np.ndarray) -> Tensor:
        """Return images as a tensor that has the values of visible units."""
        read = self.read(images, "images")
        self.check_images(read, "images")
        return read

    def __sklearn_is_fitted__(self) -> bool:
        """Return whether the RBM has learned."""
        return self.learner.steps > 0

    def __sklearn_tags__(self) -> object:
        """Return what scikit-learn 1.6 and newer ask: a transformer that needs no labels."""
        from sklearn.utils import Tags, TargetTags, TransformerTags

        target = TargetTags(required=False)
        return Tags(estimator_type=None, target_tags=target, transformer_tags=TransformerTags())


def _like(given: object, result: Tensor) -> Tensor | np.ndarray:
    """Return a tensor where one was given, else an array."""
    return result if isinstance(given, Tensor) else result.detach().cpu().numpy()

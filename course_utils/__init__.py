"""Helpers of the course on neural-network initialization, one concept a module.

Each module is met in one notebook and can be read in one sitting:

======================  ====================================================================
``checks``              ``claim``: a sentence that is tested where it is printed
``data``                MNIST, or the digits inside scikit-learn, as tensors in memory
``initializers``        every scheme under its name
``networks``            ``mlp`` and the activations that the course compares
``plotting``            one look for every figure
``theory``              what the variance should do, computed without a network
``probes``              what really flows through a network, layer by layer
``training``            ``fit`` and its ``History``
``signal_path``         the experiment of the explorer: measured signal and predicted signal
``verdict``             words for what the signal does along depth
``live_figure``         a figure fast enough to follow a slider
``explorer_figure``     the picture of the explorer
``widgets``             the explorer itself: sliders, figure, words
``exercises``           the checkers of the exercises, one module a notebook
======================  ====================================================================
"""

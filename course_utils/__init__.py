"""Helpers of the course on neural-network initialization, one concept a module.

Each module can be read in one sitting; the README lists all, floor by floor. Met first:

=================  ====================================================================
``checks``         ``claim``: a sentence that is tested where it is printed
``data``           MNIST, or the digits inside scikit-learn, as tensors in memory
``networks``       ``mlp`` and the activations that the course compares
``initializers``   every scheme under its name
``plotting``       one look for every figure
``widgets``        the explorer: sliders, figure, words
``probes``         what really flows through a network, layer by layer
``training``       ``fit`` and its ``History``
``theory``         what the variance should do, computed without a network
``jacobians``      how a layer or a stack stretches space
=================  ====================================================================
"""

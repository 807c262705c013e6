"""Images as tensors in memory: MNIST, the digits of scikit-learn, or a data set of your own.

Start with `load_mnist`; `load_images` reads FashionMNIST and other 28×28 images from a folder,
`image_data` takes them from arrays, `shapeset` draws shapes. The training images are one tensor (of
MNIST 188 MB), so a training loop needs no ``DataLoader``: a batch is ``images[indices]``.
"""

from course_utils.data.arrays import as_images, bytes_up_to, conversion, greatest_pixel
from course_utils.data.images import HAIR, ImageData, image_data
from course_utils.data.labels import as_labels, is_one_hot, way_to_classes
from course_utils.data.load import load_images, load_mnist
from course_utils.data.shapeset import shapeset

__all__ = [
    "HAIR",
    "ImageData",
    "as_images",
    "as_labels",
    "bytes_up_to",
    "conversion",
    "greatest_pixel",
    "image_data",
    "is_one_hot",
    "load_images",
    "load_mnist",
    "shapeset",
    "way_to_classes",
]

"""From image files to arrays of bytes, for training and inference alike. Imports no torch."""

from mlp_lab.images.decode import SUFFIXES, decode_image, read_image_shape, refusing_bombs
from mlp_lab.images.decode_many import decode_images, shared_array, stream_images
from mlp_lab.images.find import images_below, images_in, labels_by_folder

__all__ = [
    "SUFFIXES",
    "decode_image",
    "decode_images",
    "images_below",
    "images_in",
    "labels_by_folder",
    "read_image_shape",
    "refusing_bombs",
    "shared_array",
    "stream_images",
]

"""A model as an HTTP service, with a page; needs the ``serve`` extra. No torch for a .onnx."""

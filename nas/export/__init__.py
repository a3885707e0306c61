"""A network to take away: weights, ONNX and a ``model.py`` that needs only torch, each loaded again and compared."""

"""The only code that runs a model: tensors inside, NumPy out."""

"""Neural network architectures in plain PyTorch; weights are loaded by the caller."""

"""What does a model expect? Methods on its logits."""

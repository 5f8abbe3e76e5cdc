"""What the layers of a model know: probes, their controls, and what they are measured by."""

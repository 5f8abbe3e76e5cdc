"""Where in a model a preference sits: head ablation and causal mediation on rows of minimal pairs."""

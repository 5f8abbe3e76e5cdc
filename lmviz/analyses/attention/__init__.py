"""Where does a model look? Methods on the attention pattern."""

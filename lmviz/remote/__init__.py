"""Models that run on a server and only predict; the text goes to that server and nowhere else."""

from lmviz.remote.model import RemoteModel, Secret, only_predicts
from lmviz.remote.settings import is_remote, remote_model, remote_models

__all__ = ["RemoteModel", "Secret", "is_remote", "only_predicts", "remote_model", "remote_models"]

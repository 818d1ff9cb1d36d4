from thesis_arch.checkpoint import CheckpointError as CheckpointError
from thesis_arch.checkpoint import load_model as load_model
from thesis_arch.checkpoint import model_payload as model_payload
from thesis_arch.data_spec import DataSpec as DataSpec
from thesis_arch.simple.config import SimpleMLPConfig as SimpleMLPConfig
from thesis_arch.simple.mlp import SimpleMLP as SimpleMLP
from thesis_arch.transformer_classifier.classifier import (
    TransformerClassifier as TransformerClassifier,
)
from thesis_arch.transformer_classifier.config import TransformerConfig as TransformerConfig

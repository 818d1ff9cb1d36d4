"""Configs cost no torch."""

import subprocess
import sys


def test_configs_import_no_torch():
    code = (
        "import sys, thesis_arch, thesis_arch.transformer_classifier.config, "
        "thesis_arch.simple.config; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names():
    import thesis_arch

    assert thesis_arch.__all__ == [
        "CheckpointError",
        "DataSpec",
        "SimpleMLP",
        "SimpleMLPConfig",
        "TransformerClassifier",
        "TransformerConfig",
        "load_model",
        "model_payload",
    ]
    for name in thesis_arch.__all__:
        assert getattr(thesis_arch, name).__name__ == name

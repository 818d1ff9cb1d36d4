"""What happens to each token by itself."""

from thesis_arch.transformer_classifier.feed_forward.choice import build_feed_forward

__all__ = ["build_feed_forward"]

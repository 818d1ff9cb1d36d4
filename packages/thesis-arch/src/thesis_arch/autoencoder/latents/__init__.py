"""From what an encoder found out to what is kept of an object; `_target_` -> class."""

from thesis_arch.autoencoder.latents.identity import IdentityLatent
from thesis_arch.autoencoder.latents.linear import LinearLatent
from thesis_arch.autoencoder.latents.vq import VqLatent

LATENTS = {
    "thesis_arch.autoencoder.latents.identity.IdentityLatent": IdentityLatent,
    "thesis_arch.autoencoder.latents.linear.LinearLatent": LinearLatent,
    "thesis_arch.autoencoder.latents.vq.VqLatent": VqLatent,
}
"""All latent spaces that a configuration may name."""

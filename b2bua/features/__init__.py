"""The features of one server: found, ordered, asked, contained."""

from b2bua.face.preferences import Preferences
from b2bua.features.generation import Features, FeaturesRefused

__all__ = ["Features", "FeaturesRefused", "Preferences"]

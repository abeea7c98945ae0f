"""The features of one server: found, ordered, asked, contained."""

from b2bua.face.preferences import Preferences
from b2bua.features.generation import Features
from b2bua.features.problems import FeaturesRefused

__all__ = ["Features", "FeaturesRefused", "Preferences"]

"""Campaignwright: a marketing copilot for online shops."""

__version__ = "0.1.0"

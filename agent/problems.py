"""Errors of the agent that a person reads: one line each, with the remedy. Light, so that anyone may import it."""

from __future__ import annotations


class ModelProblem(Exception):
    """The language model cannot be loaded or cannot answer."""


class SessionProblem(Exception):
    """The stored sessions cannot be opened."""

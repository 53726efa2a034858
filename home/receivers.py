"""Reactions of this app to facts of lower apps."""

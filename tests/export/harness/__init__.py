"""Shared parts of the exporter's tests: tiny checkpoints, references to compare with, and programs that run graphs and models."""

"""Latency: measured on a runtime, kept block by block, predicted for a network, and held to a budget."""

"""Blocks: their types, schemas and documents, with secrets that are shown where they are asked for."""

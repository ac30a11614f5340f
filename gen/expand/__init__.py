"""Rows become variants, steps and tables; opcode maps."""

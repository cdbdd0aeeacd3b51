"""Sweeps: every future of every variation of a suite, made by many processes on one machine or many, resumable."""

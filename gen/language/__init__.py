"""The spec: what is written, how it is read, its typed form."""

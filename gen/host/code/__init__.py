"""What native code may leave out between neighbours, one module a host."""

"""What spells a host register or an addressing form; one module a host."""

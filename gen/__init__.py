"""The generator: spec (gen/spec) and templates in, gadgets, tables, CPUID, tests and pages out."""

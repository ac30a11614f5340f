# Measurements against the host CPU and qemu-i386; results go to docs/bench/.

.PHONY: bench

bench:
	@$(MAKE) ready
	@bench/run $(BENCH)

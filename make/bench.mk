# Measurements against the host CPU and qemu-user, for both guests; results go to docs/bench/. Rows of
# x86-64 programs want build/root-amd64 (make root ARCH=amd64), cc1 the larger root of make train.

.PHONY: bench

bench:
	@$(MAKE) ready
	@bench/run $(BENCH)

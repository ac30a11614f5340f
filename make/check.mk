# Style, linters, types, and whether committed generated text is up to date.

.PHONY: check fmt

check:
	@$(MAKE) setup
	@$(MAKE) $(parallel) gadgets >/dev/null
	@rootfs-tools/check

fmt:
	@$(MAKE) setup
	@rootfs-tools/check --mend

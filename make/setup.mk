# What a fresh Debian machine needs, and the default root file system. Targets that a user calls on
# a machine where nothing is installed yet (run, test, check, bench) call these first.

.PHONY: setup root ready

# Installs missing Debian packages; silent and quick when there are none.
setup:
	@rootfs-tools/setup

# The default root, made once; its packages' scripts run inside the engine (see rootfs-tools/mkroot).
root:
	@rootfs-tools/mkroot --configure $(BUILD)/fiberglass $(MKROOT_FLAGS) build/root

# Everything that a run needs, in this order whatever -j says; all processors build unless the user
# gave a number of jobs.
ready:
	@$(MAKE) setup
	@$(MAKE) $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$$(nproc)) all
	@$(MAKE) root

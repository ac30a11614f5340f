# What a fresh Debian machine needs, and the default root file system. Targets that a user calls on
# a machine where nothing is installed yet (run, test, check, bench) call these first.

.PHONY: setup root ready

# Installs missing Debian packages; silent and quick when there are none.
setup:
	@rootfs-tools/setup

# The default root of an architecture, made once; its packages' scripts run inside the engine (see
# rootfs-tools/mkroot). An ARCH of the environment is somebody else's.
ifeq ($(origin ARCH),environment)
ARCH := i386
endif
ARCH ?= i386
DEFAULT_ROOT = build/root$(if $(filter-out i386,$(ARCH)),-$(ARCH))
root:
	@rootfs-tools/mkroot --arch $(ARCH) --configure $(BUILD)/fiberglass $(MKROOT_FLAGS) $(DEFAULT_ROOT)

# All processors build, unless the user said how many.
parallel = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$$(nproc))

# Everything that a run needs, in this order whatever -j says.
ready:
	@$(MAKE) setup
	@$(MAKE) $(parallel) all
	@$(MAKE) root ARCH=$(ARCH)

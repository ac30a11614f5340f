# make run [CMD='COMMAND'] [ARCH=amd64] [ROOT=DIR]: a shell, or one command, in the default root (of that
# architecture) or in DIR.
#
# make itself ends with 2 when the command fails; rootfs-tools/run, which does the same, and
# build/fiberglass end with the command's own status.

.PHONY: run

# The command as it was typed: not expanded by make, and not handed down to make's children.
export FG_RUN_CMD  := $(value CMD)
export FG_RUN_ROOT := $(value ROOT)
export FG_RUN_ARCH = $(ARCH)
unexport CMD ROOT

run:
	@rootfs-tools/run

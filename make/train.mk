# make train [GUEST=x86-64]: records the programs in bench/train, chooses the n-grams of
# gen/spec/default.profile (x86-64.profile) and lists what several programs use. Takes a root with compilers and interpreters beside the
# default one (1.5 GB, made once).

TRAIN_WITH = clang g++ gap-core racket gnupg

.PHONY: train

GUEST        ?= i386
TRAIN_ARCH    = $(if $(filter x86-64,$(GUEST)),amd64,i386)
TRAIN_SUFFIX  = $(if $(filter x86-64,$(GUEST)),-amd64)
TRAIN_PROFILE = $(if $(filter x86-64,$(GUEST)),x86-64,default)
train:
	@$(MAKE) ready ARCH=$(TRAIN_ARCH)
	@rootfs-tools/mkroot --arch $(TRAIN_ARCH) --configure $(BUILD)/fiberglass --with '$(TRAIN_WITH)' \
	    build/train-root$(TRAIN_SUFFIX)
	@bench/train/record $(GUEST) $(BUILD)/fiberglass build/root$(TRAIN_SUFFIX) \
	    build/train-root$(TRAIN_SUFFIX) build/train$(TRAIN_SUFFIX)
	$(PYTHON) -m gen.train --guest $(GUEST) --used build/train$(TRAIN_SUFFIX)/used/*.profile -- \
	    build/train$(TRAIN_SUFFIX)/*.profile > build/train$(TRAIN_SUFFIX)/new
	@mv build/train$(TRAIN_SUFFIX)/new gen/spec/$(TRAIN_PROFILE).profile
	@$(MAKE) gadgets

# Records a profile of the programs in bench/train and chooses the n-grams of gen/spec/default.profile.
# Takes a root with compilers and interpreters beside the default one (1.5 GB, made once).

TRAIN_WITH = clang g++ gap-core racket gnupg

.PHONY: train

train:
	@$(MAKE) ready
	@rootfs-tools/mkroot --configure $(BUILD)/fiberglass --with '$(TRAIN_WITH)' build/train-root
	@bench/train/record $(BUILD)/fiberglass build/root build/train-root build/train
	$(PYTHON) -m gen.train build/train/*.profile > build/train/new
	@mv build/train/new gen/spec/default.profile
	@$(MAKE) gadgets

# Records a profile of the programs in bench/train and chooses the n-grams of gen/spec/default.profile.

.PHONY: train

train:
	@$(MAKE) ready
	@bench/train/record $(BUILD)/fiberglass build/root build/train
	$(PYTHON) -m gen.train build/train/*.profile > build/train/new
	@mv build/train/new gen/spec/default.profile
	@$(MAKE) gadgets

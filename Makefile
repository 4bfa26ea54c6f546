# make demo | test | lint | bench | offline: each first sets up what it needs, once
PYTHON ?= python3
UV := .tools/bin/uv
BIN := .venv/bin
DISPLAYED := scripts/with-display.sh
# Each of the processes has a virtual display of its own. If one crashes, all end at once.
PYTEST := pytest -n logical --maxprocesses 4 --dist loadfile --max-worker-restart 0

demo: .venv/ready system
	$(DISPLAYED) $(BIN)/napari-nst demo --save demo

test: .venv/ready system
	$(BIN)/$(PYTEST)

test-pyside: .venv-pyside/ready system
	QT_API=pyside6 .venv-pyside/bin/$(PYTEST) tests/plugin

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/npe2 validate --imports napari_nst

bench: .venv/ready
	$(BIN)/python -m pytest benchmarks -s --override-ini python_files='bench_*.py'

MINUTES ?= 95
features: .venv/ready  # for maintainers: train the built-in weights anew, into features/
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 \
	$(BIN)/python -m tools.train_features --minutes $(MINUTES) --out features

ome-zarr: | $(UV)  # ome-zarr's newest version reads what we write, beside the pins
	PYTHONPATH=src $(UV) run --no-project --isolated --with ome-zarr,pytest,hypothesis,tifffile,imagecodecs,pillow \
	    --with platformdirs,filelock \
	    python -m pytest -c /dev/null --rootdir . --noconftest tests/files/slides/test_zarr_writing.py

samples: .venv/ready  # for maintainers: paint the sample styles anew, into the package
	$(BIN)/python -m tools.paint_samples

offline: $(UV) system  # the wheel, installed afresh, paints with the network cut off (Linux)
	scripts/offline.sh offline

verify-weights: .venv/ready  # for maintainers: fetches 575 MB
	$(BIN)/python scripts/verify_weights.py

.venv/ready: pyproject.toml constraints.txt | $(UV)
	scripts/install.sh .venv '.[all,slides,video]' test lint bench

.venv-pyside/ready: pyproject.toml constraints.txt | $(UV)
	scripts/install.sh .venv-pyside . test pyside

$(UV):
	scripts/bootstrap.sh $(PYTHON)

system:
	@scripts/system-packages.sh

constraints: | $(UV)  # for maintainers: the newest versions that fit each other
	scripts/constraints.sh > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv .venv-pyside .tools demo offline

.PHONY: demo test test-pyside lint bench features ome-zarr samples offline verify-weights system constraints clean

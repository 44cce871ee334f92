# The two commands of the README are `make demo` and `make test`; both install into .venv once and work offline afterwards.
PYTHON ?= python3
BIN := .venv/bin
LANEWISE_DATA ?= ../shared/data
export LANEWISE_DATA

.PHONY: demo test test-full test-gpu lint bench peers proto clean

.venv/stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

demo: .venv/stamp
	$(BIN)/lanewise demo

test: .venv/stamp
	$(BIN)/pytest -n 2 --dist loadfile -m "not full"

test-full: .venv/stamp
	$(BIN)/pytest -n 2 --dist loadfile

# Where there is an NVIDIA GPU: the tests that need it, and the figures of docs/gpu.json.
test-gpu: .venv/stamp
	$(BIN)/pytest -m gpu -rs tests/inference
	$(BIN)/python benchmarks/gpu.py

lint: .venv/stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/stamp
	$(BIN)/python benchmarks/closed_loop.py
	$(BIN)/python benchmarks/recording.py
	$(BIN)/python benchmarks/openscenario_parity.py $(LANEWISE_DATA)/openscenario/esmini_reference --only ALKS
	$(BIN)/python benchmarks/lane_centres.py $(LANEWISE_DATA)/maps/opendrive $(LANEWISE_DATA)/maps/lane_centres

# Peers pin old versions, so each lives apart from us and is called as a subprocess. The reactive planner comes without
# its dependencies: one of them, `triangle`, is not free, and it works without.
peers: .venv-peers/stamp .venv-peers-perception/stamp
.venv-peers/stamp:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet highway-env==1.10.1 gymnasium==1.4.0 carla==0.9.16 \
		commonroad-io==2024.3 commonroad-drivability-checker==2025.4.0 commonroad-clcs==2025.2.0 protobuf==3.20.2 \
		lanelet2==1.2.3 frenetix==0.4.0
	.venv-peers/bin/pip install --quiet --no-deps commonroad-reactive-planner==2025.1 commonroad-route-planner==2025.1.0
	.venv-peers/bin/pip install --quiet methodtools==0.4.7 omegaconf==2.4.0 networkx==3.6.1 matplotlib==3.11.2 \
		imageio==2.38.1
	touch $@

# TrackEval asks for a newer numpy than the nuScenes devkit bears; what is called of it works with the older one.
.venv-peers-perception/stamp:
	$(PYTHON) -m venv .venv-peers-perception
	.venv-peers-perception/bin/pip install --quiet --no-deps nuscenes-devkit==1.2.0 trackeval==1.3.0
	.venv-peers-perception/bin/pip install --quiet "numpy<2" scipy pyquaternion opencv-python-headless==4.11.0.86 \
		matplotlib tqdm Pillow shapely scikit-learn cachetools
	touch $@

proto: .venv/stamp
	$(BIN)/python -m bus.proto.generate

clean:
	rm -rf .venv build dist *.egg-info runs

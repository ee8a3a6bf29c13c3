# Two commands do everything on a fresh machine: `make train` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: train test test-slow lint bench learning figures films agents clean

train: .venv/.run
	$(BIN)/python ppo.py --train

test: lint
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The tests of the agents and environments that another stands for in `make test`.
test-slow: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

lint: .venv/.dev
	$(BIN)/ruff check .

# Speed against the peers, interleaved in one run: writes benchmarks/results/speed.csv and the README's table.
bench: .venv/.dev .venv-peers/.peers
	$(BIN)/python benchmarks/speed.py

# Learning of every agent in every environment over seeds: writes benchmarks/results/learning.csv, table and figures.
learning: .venv/.dev
	$(BIN)/python benchmarks/learning.py

# The README's tables, figure and film from the result files and the agents that ship, without training anything.
figures: .venv/.dev
	$(BIN)/python benchmarks/learning.py --report-only
	$(BIN)/python benchmarks/speed.py --report-only
	$(BIN)/python ppo.py --test --model model/PPO_Pendulum-v1/pretrained.npz --record image/readme

# Small films of the agents that ship for the continuous-control chapter, and the README's grid of them.
films: .venv/.dev
	$(BIN)/python benchmarks/films.py

# Trains the agents that ship in the textbook's environments, over model/*/pretrained.npz and image/pretrained/.
agents: .venv/.dev
	$(BIN)/python benchmarks/pretrained.py

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.run: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/.dev: requirements-dev.txt .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv-peers/.peers: requirements-peers.txt
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-peers.txt
	touch $@

clean:
	rm -rf .venv .venv-peers

# Two commands do everything on a fresh machine: `make train` and `make test`.
# The Python behind .venv is the first of these that is CPython 3.11 to 3.14, or the one given by `make PYTHON=...`.
PYTHONS := $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# A .venv that uv made has no pip.
GET_PIP := { $(BIN)/python -c 'import pip' || $(BIN)/python -m ensurepip || uv pip install --python $(BIN)/python pip; } >/dev/null 2>&1
# What an interpreter is, printed; it fails where that will not do.
IDENTIFY := import platform as p, sys, sysconfig; name = p.python_implementation(); \
	free = bool(sysconfig.get_config_var("Py_GIL_DISABLED")); \
	print(name + " " + p.python_version() + ", free-threaded" * free); \
	sys.exit(name != "CPython" or free or not (3, 11) <= sys.version_info < (3, 15))
# The first interpreter that will do, else 'none:' and why.
CHOOSE = for python in $(PYTHONS); do \
	command -v "$$python" >/dev/null || continue; \
	if is=$$("$$python" -c '$(IDENTIFY)' 2>/dev/null); then \
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then echo "$$python"; exit; fi; \
	  version=$${is\#CPython }; package=python$${version%.*}-venv; is="$$is without venv: on Debian apt-get install $$package"; \
	fi; \
	found="$$found$${found:+, }$$python ($${is:-does not run})"; \
	done; echo "none: make needs CPython 3.11 to 3.14, not free-threaded; there is $${found:-no $(PYTHONS)}; make PYTHON=... takes another"

.PHONY: train test test-slow lint docs plain messages notebook pybullet experiment-tools requirements wheels bench learning figures films agents clean

train: .venv/.run
	$(BIN)/python ppo.py --train

test: lint
	@echo "Running the tests in two processes, which takes about ten minutes"
	$(BIN)/python -m pytest -n 2 --dist worksteal

# The longest tests, and those of agents and environments that another stands for in `make test`.
test-slow: .venv/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m slow

# Style, formatting, and whether calls and subclasses fit the interfaces of the agents and of common/.
lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Speed against the peers and the book's listings, in turn in one run: writes benchmarks/results/speed.csv and the READMEs' claim.
bench: .venv/.dev .venv-peers/.peers
	$(BIN)/python -m benchmarks.speed

# Learning of every agent in every environment over seeds: writes benchmarks/results/learning.csv, the READMEs' matrix, figures.
learning: .venv/.dev
	$(BIN)/python -m benchmarks.learning

# The READMEs' matrix, claim and film and the companion's figures, from the result files and the agents that ship, without training.
figures: .venv/.dev
	$(BIN)/python -m benchmarks.learning --report-only
	$(BIN)/python -m benchmarks.speed --report-only
	$(BIN)/python ppo.py --test --model model/PPO_Pendulum-v1/pretrained.npz --record image/readme

# Small films of the agents that ship for the continuous-control chapter and Box2D, which the companion shows.
films: .venv/.dev
	$(BIN)/python -m benchmarks.learning.films

# Ships the agents of the median seeds that `make learning` has trained, over model/*/pretrained.npz and image/pretrained/.
agents: .venv/.dev
	$(BIN)/python -m benchmarks.learning.pretrained

# The companion in both languages, docs/_build/site/index.html: it works from any web server, and from its folder without figures
# that move. Warnings are errors, among them a text that lacks its translation.
DOCS := -q -E -n -W --keep-going -b html docs
docs: .venv/.docs
	rm -rf docs/_build/site docs/_static/figures/data
	$(BIN)/python docs/figures_data.py
	$(BIN)/sphinx-build -d docs/_build/trees/en $(DOCS) docs/_build/site/en
	$(BIN)/sphinx-build -d docs/_build/trees/zh -D language=zh_CN $(DOCS) docs/_build/site/zh
	cp docs/choose.html docs/_build/site/index.html

# The same pages as plain Markdown, docs/plain, for who reads them on a code host. They are in git; a test says when they are old.
PLAIN := -q -E -W --keep-going -b plain docs
plain: .venv/.docs
	rm -rf docs/plain
	$(BIN)/sphinx-build -d docs/_build/trees/plain-en $(PLAIN) docs/plain/en
	$(BIN)/sphinx-build -d docs/_build/trees/plain-zh -D language=zh_CN $(PLAIN) docs/plain/zh

# What is to be translated, into docs/locales/zh_CN: new texts are empty there, changed ones fuzzy, until somebody writes them.
messages: .venv/.docs
	$(BIN)/sphinx-build -q -E -b gettext -d docs/_build/trees/gettext docs docs/_build/gettext
	$(BIN)/sphinx-intl update -p docs/_build/gettext -d docs/locales -l zh_CN --no-obsolete

# Opens the notebooks, in Chinese where the locale is Chinese. `python -m notebooks.build` writes them from notebooks/source.
notebook: .venv/.notebook
	$(BIN)/python -m jupyterlab --ServerApp.root_dir=. \
	  --LabApp.default_url=/lab/tree/notebooks/$(if $(filter zh%,$(or $(LC_ALL),$(LC_MESSAGES),$(LANG))),zh,en)/1_minimal.ipynb

# Installs PyBullet: from a wheel where there is one, else built from source (half an hour), with the NumPy of .venv. GCC 14 takes
# its pointers to NumPy's arrays, which are of another type and right, for errors.
BULLET := install --quiet --only-binary pybullet -r requirements-pybullet.txt
HEADERS := import shutil, sys; from pathlib import Path; from sysconfig import get_path as path; \
	sys.exit(not (shutil.which("c++") and Path(path("include"), "Python.h").exists()))
pybullet: .venv/.run
	@$(PIP) $(BULLET) 2>/dev/null || $(BIN)/python -c '$(HEADERS)' || \
	  { echo "make: PyBullet needs a C++ compiler and Python.h here: on Debian apt-get install g++ python3-dev" >&2; exit 1; }
	CFLAGS="$$CFLAGS -Wno-error=incompatible-pointer-types" $(PIP) install --no-build-isolation -r requirements-pybullet.txt

# What experiment.py needs beside the agents: Ray and Optuna.
experiment-tools: .venv/.run
	$(PIP) install --quiet -r requirements-experiment.txt

# requirements.txt, from the dependencies in pyproject.toml.
requirements: .venv/bin/python
	$(BIN)/python -c 'import tomllib; \
	  print("# The dependencies in pyproject.toml, which says why each pin is what it is; make requirements writes this file."); \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' >requirements.txt

# Whether everything but PyBullet resolves from wheels, for each platform and Python it is meant for.
wheels: .venv/.run
	$(PIP) install --quiet uv==0.13.9
	@for platform in x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin x86_64-pc-windows-msvc; do \
	  for version in 3.11 3.12 3.13 3.14; do \
	    resolve="$(BIN)/uv pip compile --quiet --no-config --only-binary :all: --python-platform $$platform --python-version $$version"; \
	    $$resolve requirements-dev.txt -o /dev/null || { echo "$$platform, Python $$version: not from wheels" >&2; exit 1; }; \
	    $$resolve requirements-pybullet.txt -o /dev/null 2>/dev/null && pybullet=", and PyBullet" || pybullet=; \
	    echo "$$platform, Python $$version: all from wheels$$pybullet"; \
	  done; \
	done

.venv/bin/python:
	$(eval CHOSEN := $(shell $(CHOOSE)))
	$(if $(filter none:,$(CHOSEN)),$(error $(wordlist 2,99,$(CHOSEN))))
	$(CHOSEN) -m venv --clear .venv

.venv/.run: requirements.txt .venv/bin/python
	$(if $(shell test ! -e $(BIN)/python || $(BIN)/python -c '$(IDENTIFY)' >/dev/null 2>&1 || echo no),$(error .venv will not do: make clean removes it))
	@$(GET_PIP) || { echo "make: .venv has no pip, and there is no ensurepip or uv to install it: make clean removes .venv" >&2; exit 1; }
	@echo "Installing what the agents need into .venv: about 3 GB, which takes minutes; pip is quiet meanwhile"
	$(PIP) install --quiet -r requirements.txt
	touch $@

.venv/.dev: requirements-dev.txt requirements-docs.txt requirements-experiment.txt requirements-pybullet.txt .venv/.run
	@echo "Installing what the tests need into .venv: another GB"
	$(PIP) install --quiet -r requirements-dev.txt
	@why=$$($(PIP) $(BULLET) 2>&1) || echo "PyBullet is not installed ($$(echo "$$why" | tail -n 1)):" \
	  "its tests are skipped; make pybullet builds it, with g++ and python3-dev"
	touch $@

.venv/.docs: requirements-docs.txt .venv/.run
	$(PIP) install --quiet -r requirements-docs.txt
	touch $@

.venv/.notebook: requirements-notebook.txt requirements-experiment.txt .venv/.run
	$(PIP) install --quiet -r requirements-notebook.txt
	touch $@

.venv-peers/.peers: requirements-peers.txt | .venv/bin/python
	test -x .venv-peers/bin/python || $(BIN)/python -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-peers.txt
	touch $@

clean:
	rm -rf .venv .venv-peers

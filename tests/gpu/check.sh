#!/usr/bin/env bash
# Checks and measures SjdOnnx on a GPU: one line for each check, with its figure and its bar. See README.md beside this file.
# usage: check.sh FOLDER_OF_RESULTS [--provider cuda|cpu] [--engine FOLDER] [--work FOLDER] [--more]; --help says more
exec "${PYTHON:-python3}" "$(dirname "${BASH_SOURCE[0]}")/check.py" "$@"

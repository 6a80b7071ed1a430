# shellcheck shell=bash
# Sourced after `root` is set: `ensure_environment EXTRA` leaves a .venv that holds the project with that extra.
#
# A stamp in .venv records what was installed. While it matches, nothing is installed and pip is not
# started, so an installed project runs offline; it is written last, so an interrupted installation
# leaves none.

venv="${root:?must be set by the script that sources this}/.venv"

fail() {
  echo "${0##*/}: $*" >&2
  exit 2
}

# is_python COMMAND NEWEST_MINOR: it runs (a pyenv shim may not), has a version from 3.11 to
# 3.NEWEST_MINOR and can make virtual environments (Debian packages that separately).
is_python() {
  "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, int(sys.argv[1])))' \
    "$2" >/dev/null 2>&1
}

# $PYTHON if set; otherwise the first of the versions CI runs, the user's own `python3` before all;
# otherwise a newer `python3`.
find_python() {
  local candidate
  if [[ -n "${PYTHON:-}" ]]; then
    is_python "$PYTHON" 99 ||
      fail "PYTHON=$PYTHON must be Python 3.11 or newer with its venv module. Set PYTHON to another one or unset it."
    echo "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11; do
    if is_python "$candidate" 13; then
      echo "$candidate"
      return
    fi
  done
  is_python python3 99 ||
    fail "found no Python 3.11 or newer with its venv module. Install one, or set PYTHON to its path."
  echo python3
}

# What an installation depends on: the two files, the interpreter, and the place (an editable
# install names it). Also refuses a .venv that somebody made with an older Python.
fingerprint() {
  "$venv/bin/python" -IS - "$root" <<'PYTHON'
import hashlib
import pathlib
import sys

if sys.version_info < (3, 11):
    sys.exit(f".venv holds Python {sys.version.split()[0]}; 3.11 or newer is needed. Remove .venv and run this again.")
root = pathlib.Path(sys.argv[1])
digest = hashlib.sha256(f"{sys.version}\n{root}\n".encode())
for name in ("pyproject.toml", "constraints.txt"):
    digest.update((root / name).read_bytes())
print(digest.hexdigest())
PYTHON
}

create_environment() {
  local python
  python="$(find_python)"
  echo "Creating $venv with $("$python" --version)." >&2
  "$python" -m venv --clear "$venv" || fail "could not create $venv (the reason is above)."
}

# install EXTRA FINGERPRINT
install() {
  rm -f "$venv"/.installed-*
  echo "Installing birnn-lightning[$1] into $venv. This happens once and takes a few minutes." >&2
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    "$venv/bin/python" -m ensurepip >/dev/null || fail "$venv has no pip. Remove .venv and run this again."
  fi
  (
    cd "$root"
    # Compiling every module would double the time; Python compiles those that it imports.
    "$venv/bin/python" -m pip install --quiet --no-input --no-compile --disable-pip-version-check \
      --constraint constraints.txt --editable ".[$1]" </dev/null
  ) || fail "installing failed; pip's reason is above. If it is the network, connect and run this again."
  echo "$2" >"$venv/.installing-$1"
  mv "$venv/.installing-$1" "$venv/.installed-$1"
}

# ensure_environment EXTRA: `parity`, or `dev`, which includes `parity`.
ensure_environment() {
  local expected stamp
  "$venv/bin/python" -IS -c '' 2>/dev/null || create_environment
  expected="$(fingerprint)" || exit 2
  for stamp in "$venv/.installed-dev" "$venv/.installed-$1"; do
    if [[ -r "$stamp" && "$(<"$stamp")" == "$expected" ]]; then
      return
    fi
  done
  install "$1" "$expected"
}

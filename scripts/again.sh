# Sourced by the scripts that run pytest, at the top of the repository.
#
# A few failures may be the machine's: those tests are run again, alone, three times. One that fails again is a failure; one
# that does not is named at the end, because a fault that shows itself seldom is a fault all the same.

most_doubtful=4

# tests WORD…: pytest with these words. It keeps what it has compiled, and hears of Ctrl-C.
tests() { timeout --foreground 3000 env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest -q "$@"; }

# forget_failures FOLDER: those of earlier runs. The folder is pytest's root.
forget_failures() { rm -rf "$1/.pytest_cache"; }

# try_again FOLDER: what has failed there.
try_again() {
    local named
    named=$(.venv/bin/python -c 'import json, pathlib, sys
for cache in pathlib.Path(sys.argv[1], ".pytest_cache").rglob("lastfailed"):
    for name in json.loads(cache.read_text()): print(f"{sys.argv[1]}/{name}")' "$1") || return 1
    if [ "$(wc -l <<<"$named")" -gt $most_doubtful ]; then
        echo "too many tests have failed to run them again" >&2
        return 1
    fi
    for _ in 1 2 3; do
        (IFS=$'\n' && set -f && tests -p no:cacheprovider $named) || return 1
    done
    echo "these failed once, and passed three times when they ran alone:" >&2
    sed 's/^/    /' <<<"$named" >&2
}

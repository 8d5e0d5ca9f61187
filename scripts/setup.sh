# Shell functions of scripts/start and scripts/test, to be sourced by bash. Works on Debian, Ubuntu and macOS, without a
# terminal or a home folder; prints nothing if nothing has to be installed or built.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'headend: %s\n' "$*" >&2; }

# npm needs a writable home: use one in the project if the user has none.
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-}" ]; then
  export HOME="$root/.build/home"
  mkdir -p "$HOME"
fi

have() { command -v "$1" >/dev/null 2>&1; }

# Checks for Node 20.19+, 22.12+ or newer, as package.json and the build tools require.
check_node() {
  if ! have node; then
    say 'Node.js not found: install 20.19 or newer, see https://nodejs.org/en/download'
    return 1
  fi
  if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)'; then
    say "Node.js $(node --version) is too old: install 20.19, 22.12 or newer, see https://nodejs.org/en/download"
    return 1
  fi
}

# Installs the dependencies of package-lock.json, again after it has changed.
install_dependencies() {
  local installed=$root/node_modules/.package-lock.json
  if [ -e "$installed" ] && [ ! "$root/package-lock.json" -nt "$installed" ]; then return 0; fi
  if ! have npm; then
    say 'npm not found: it comes with Node.js; on Debian run apt-get install npm'
    return 1
  fi
  say 'installing dependencies (npm ci)'
  if ! (cd "$root" && npm ci --no-audit --no-fund --loglevel=error </dev/null >&2); then
    say 'npm ci failed: see its output above'
    return 1
  fi
  touch "$installed"
}

# as_root COMMAND...: runs as root; fails without a prompt if a password is needed.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else have sudo && sudo -n "$@"; fi
}

updated=
# apt_install PACKAGE...
apt_install() {
  have apt-get || return 1
  as_root true 2>/dev/null || return 1
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120)
  if [ -z "$updated" ]; then
    as_root "${apt[@]}" update </dev/null >/dev/null 2>&1 || true
    updated=yes
  fi
  say "installing $* (apt-get)"
  as_root "${apt[@]}" install --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}

# brew_install FORMULA...
brew_install() {
  have brew || return 1
  say "installing $* (brew)"
  HOMEBREW_NO_AUTO_UPDATE=1 brew install --quiet "$@" </dev/null >/dev/null 2>&1
}

install_ffmpeg() {
  if have "${FFMPEG_PATH:-ffmpeg}"; then return 0; fi
  if [ -n "${FFMPEG_PATH:-}" ]; then
    say "FFMPEG_PATH is $FFMPEG_PATH, which is no program: correct or unset it"
    return 1
  fi
  apt_install ffmpeg || brew_install ffmpeg || true
  if have ffmpeg; then return 0; fi
  say 'ffmpeg not found and not installable: 5.1 or newer is needed.'
  say 'Install it (apt-get install ffmpeg, brew install ffmpeg) or set FFMPEG_PATH.'
  return 1
}

# True if a build output is missing or older than a source. Folders count as well: a deleted file changes them.
build_is_stale() {
  local stamp=$root/.build/.complete
  [ -e "$stamp" ] && [ -e "$root/.build/src/main.js" ] && [ -e "$root/.build/web/index.html" ] || return 0
  [ -n "$(cd "$root" && find src scripts test package-lock.json package.json tsconfig.json -newer "$stamp" | head -n 1)" ]
}

build() {
  build_is_stale || return 0
  say 'building'
  (cd "$root" && npm run --silent build </dev/null >&2) || return 1
  touch "$root/.build/.complete"
}

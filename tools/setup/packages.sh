#!/usr/bin/env bash
# Finds which system packages are missing and installs them: apt-get on Debian and Ubuntu (with sudo when not
# root), Homebrew on macOS; elsewhere it prints the list and stops.
#   packages.sh [build|test]     what is needed to build, or also to test
set -euo pipefail

goal=${1:-build}
apt_build=(gcc make cmake ninja-build pkg-config libjansson-dev libzip-dev libpcre2-dev libutf8proc-dev libpng-dev libjpeg-dev
  libedit-dev)
apt_test=(g++ libcmocka-dev)
brew_build=(cmake ninja pkg-config jansson libzip pcre2 utf8proc libpng jpeg-turbo)
brew_test=(cmocka)

say() { echo "setup: $*" >&2; }

missing_apt() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || echo "$name"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    say "not root and no sudo: run as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    exit 5
  fi
}

if command -v apt-get >/dev/null; then
  wanted=("${apt_build[@]}")
  [[ $goal == test ]] && wanted+=("${apt_test[@]}")
  mapfile -t missing < <(missing_apt "${wanted[@]}")
  ((${#missing[@]} == 0)) && exit 0
  say "missing packages: ${missing[*]}; installing with apt-get"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
elif command -v brew >/dev/null; then
  wanted=("${brew_build[@]}")
  [[ $goal == test ]] && wanted+=("${brew_test[@]}")
  mapfile -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}" | sort) <(brew list --formula -1 | sort))
  ((${#missing[@]} == 0)) && exit 0
  say "missing packages: ${missing[*]}; installing with brew"
  brew install "${missing[@]}" >&2
else
  for tool in cc cmake ninja pkg-config; do
    command -v "$tool" >/dev/null || missing_tool=1
  done
  pkg-config --exists jansson libzip libpcre2-8 libutf8proc libpng libjpeg 2>/dev/null || missing_tool=1
  [[ -z ${missing_tool:-} ]] && exit 0
  say "no apt-get and no brew here. Install a C11 compiler, CMake, Ninja, pkg-config and the development files of"
  say "jansson, libzip, PCRE2 (8 bit), utf8proc, libpng, libjpeg$([[ $goal == test ]] && echo ', cmocka'), then run this again."
  exit 5
fi

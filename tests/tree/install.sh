#!/usr/bin/env bash
# usage: install.sh BUILD   Installs into an empty folder and builds a program against what is there, through pkg-config, with the
# shared library.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work/root cmake --install "$build" --prefix /usr >"$work/log" || { cat "$work/log"; exit 1; }
cat >"$work/use.c" <<'C'
#include <pome/pome.h>
#include <stdio.h>
int main(void) {
  pome_error error;
  pome_model *model;
  if (pome_model_open("/nowhere", NULL, &model, &error) != POME_INPUT) return 1;
  printf("%s\n", pome_version());
  return 0;
}
C
pc=$(dirname "$(find "$work/root" -name pome.pc)")
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$work/root
library=$(dirname "$(find "$work/root" -name 'libpome.so')")
read -r -a flags < <(pkg-config --cflags --libs pome)
cc -std=c11 -Wall -Werror "$work/use.c" "${flags[@]}" -o "$work/use"
version=$(LD_LIBRARY_PATH=$library "$work/use")
[[ $version == "$(pkg-config --modversion pome)" ]]
[[ $(readlink "$library/libpome.so") == libpome.so.0 && -x $work/root/usr/bin/pome && -e $library/libpome.a ]]
echo "install: a program built against the installed files runs, version $version"

#!/usr/bin/env bash
# usage: install.sh BUILD   Installs into an empty folder and builds a program against what is there, through pkg-config: as C11 and as
# C++17, with the shared library and with the static one. The program makes a prediction.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work/root cmake --install "$build" --prefix /usr >"$work/log" || { cat "$work/log"; exit 1; }
cat >"$work/use.c" <<'C'
#include <pome/pome.h>
#include <stdio.h>

static int fail(const pome_error *error) {
  char text[512];
  pome_error_format(error, text, sizeof text);
  fprintf(stderr, "%s\n", text);
  return 1;
}

int main(int count, char **words) {
  pome_error error;
  pome_model *model;
  pome_plan *plan;
  pome_run *run;
  pome_model_options options;
  float x[3] = {1, 2, 3};
  const int64_t shape[1] = {3};
  pome_named_tensor in = {"x", {0}}, out = {"y", {0}};
  if (count != 2 || pome_model_open("/nowhere", NULL, &model, &error) != POME_INPUT) return 1;
  pome_model_options_init(&options);
  options.copy = true;
  if (pome_tensor_init(&in.tensor, POME_FP32, 1, shape, x, &error) != POME_OK ||
      pome_model_open(words[1], &options, &model, &error) != POME_OK ||
      pome_plan_create(pome_model_find_function(model, NULL), NULL, &plan, &error) != POME_OK ||
      pome_run_create(plan, NULL, &run, &error) != POME_OK ||
      pome_predict(run, &in, 1, &out, 1, &error) != POME_OK)
    return fail(&error);
  const float *y = (const float *)out.tensor.data;
  printf("%s %g %g %g\n", pome_version(), (double)y[0], (double)y[1], (double)y[2]);
  pome_run_free(run);
  pome_plan_free(plan);
  pome_model_close(model);
  return 0;
}
C
cat >"$work/twice.mil" <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [3]> x) {
            tensor<fp32, [3]> y = add(x = x, y = x)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
pc=$(dirname "$(find "$work/root" -name pome.pc)")
export PKG_CONFIG_PATH=$pc PKG_CONFIG_SYSROOT_DIR=$work/root
library=$(dirname "$(find "$work/root" -name 'libpome.so')")
# shellcheck disable=SC2034 # read by reference
read -r -a shared < <(pkg-config --cflags --libs pome)
read -r -a archive < <(pkg-config --static --cflags --libs pome)
archive=("${archive[@]/#-lpome/$library/libpome.a}")
expected="$(pkg-config --modversion pome) 2 4 6"
for language in "-x c -std=c11" "-x c++ -std=c++17"; do
  for kind in shared archive; do
    declare -n flags=$kind
    # shellcheck disable=SC2086 # words
    cc $language -Wall -Wextra -Wno-missing-field-initializers -Werror "$work/use.c" -x none "${flags[@]}" -o "$work/use"
    answer=$(LD_LIBRARY_PATH=$library "$work/use" "$work/twice.mil")
    [[ $answer == "$expected" ]] || { echo "install: $language, $kind: $answer, not $expected"; exit 1; }
  done
done
[[ $(readlink "$library/libpome.so") == libpome.so.0 && -x $work/root/usr/bin/pome && -e $library/libpome.a ]]
echo "install: programs in C and C++ built against the installed files predict, version ${expected%% *}"

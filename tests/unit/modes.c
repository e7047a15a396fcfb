/* See modes.h. */
#include "modes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

const mode modes[MODES] = {
    {"ref strict", "ref", POME_NUMERICS_STRICT, NULL},
    {"cpu strict", "cpu", POME_NUMERICS_STRICT, NULL},
    {"cpu fast", "cpu", POME_NUMERICS_FAST, NULL},
    {"cpu wide", "cpu", POME_NUMERICS_WIDE, NULL},
    {"ref wide", "ref", POME_NUMERICS_WIDE, NULL},
    {"cpu fast, scalar", "cpu", POME_NUMERICS_FAST, "scalar"},
    {"cpu strict, scalar", "cpu", POME_NUMERICS_STRICT, "scalar"},
};

text_model mode_make(const char *text, const mode *how, const char *const *keep,
                     size_t keep_count) {
  pome_plan_options options;
  pome_plan_options_init(&options);
  options.devices = how->device;
  options.numerics = how->numerics;
  options.isa = how->isa;
  options.threads = 2;
  options.keep = keep;
  options.keep_count = keep_count;
  return make_text_model(text, &options, NULL);
}

void mode_set(text_model *m, const input *inputs) {
  pome_error error;
  for (const input *in = inputs; in->name != NULL; in++) {
    pome_tensor tensor = tensor_of(in->dtype, in->rank, in->shape, (void *)in->data);
    check_ok(pome_run_set_tensor(m->run, in->name, &tensor, &error), &error);
  }
}

size_t mode_result(const text_model *m, const char *name, float *values, pome_tensor *shape) {
  pome_error error;
  pome_tensor tensor;
  check_ok(pome_run_get_tensor(m->run, name, &tensor, &error), &error);
  size_t count = pome_tensor_count(&tensor);
  assert_true(count <= MOST);
  pome_tensor floats = tensor_of(POME_FP32, tensor.rank, tensor.shape, values);
  check_ok(pome_tensor_copy(&tensor, &floats, &error), &error);
  *shape = tensor;
  return count;
}

void check_near(const char *what, const char *how, const float *got, const float *want,
                size_t count, float tolerance) {
  for (size_t i = 0; i < count; i++) {
    if (isnan(got[i]) && isnan(want[i])) continue;
    if (got[i] == want[i] || fabsf(got[i] - want[i]) <= tolerance * (1 + fabsf(want[i]))) continue;
    fail_msg("%s (%s): element %zu is %.9g; %.9g is expected", what, how, i, (double)got[i],
             (double)want[i]);
  }
}

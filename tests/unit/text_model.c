/* See text_model.h. Programs go through a file, as a user's would. */
#include "text_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

void check_ok(pome_status status, const pome_error *error) {
  if (status == POME_OK) return;
  char text[1024];
  pome_error_format(error, text, sizeof text);
  fail_msg("%s", text);
}

pome_model *open_text(const char *text) {
  char path[] = "/tmp/pome-text-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  FILE *stream = fdopen(file, "w");
  assert_non_null(stream);
  fprintf(stream, "program(1.3)\n{\n%s\n}\n", text);
  assert_int_equal(fclose(stream), 0);
  pome_model_options options;
  pome_model_options_init(&options);
  options.copy = true;
  pome_model *model = NULL;
  pome_error error;
  pome_status status = pome_model_open(path, &options, &model, &error);
  unlink(path);
  check_ok(status, &error);
  return model;
}

text_model make_text_model(const char *text, const pome_plan_options *plan,
                           const pome_run_options *run) {
  text_model out = {.model = open_text(text)};
  pome_error error;
  out.function = pome_model_find_function(out.model, NULL);
  assert_non_null(out.function);
  check_ok(pome_plan_create(out.function, plan, &out.plan, &error), &error);
  check_ok(pome_run_create(out.plan, run, &out.run, &error), &error);
  return out;
}

void free_text_model(text_model *model) {
  pome_run_free(model->run);
  pome_plan_free(model->plan);
  pome_model_close(model->model);
}

pome_tensor tensor_of(pome_dtype dtype, int rank, const int64_t *shape, void *data) {
  pome_tensor tensor;
  pome_error error;
  check_ok(pome_tensor_init(&tensor, dtype, rank, shape, data, &error), &error);
  return tensor;
}

pome_tensor vector_of(pome_dtype dtype, int64_t count, void *data) {
  return tensor_of(dtype, 1, &count, data);
}

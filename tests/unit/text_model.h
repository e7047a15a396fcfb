/* Running small programs written as MIL text, on any device: what tests of plans, backends and the
 * public interface share. */
#ifndef POME_TESTS_TEXT_MODEL_H
#define POME_TESTS_TEXT_MODEL_H

#include <pome/pome.h>

typedef struct text_model {
  pome_model *model;
  const pome_function *function;
  pome_plan *plan;
  pome_run *run;
} text_model;

/* Fails the test with the error's text on anything but POME_OK. */
void check_ok(pome_status status, const pome_error *error);

/* `text`: the functions of a program, without the "program(1.3) { }" around them. */
pome_model *open_text(const char *text);
text_model make_text_model(const char *text, const pome_plan_options *plan,
                           const pome_run_options *run);
void free_text_model(text_model *model);

/* A contiguous tensor over the caller's memory. */
pome_tensor tensor_of(pome_dtype dtype, int rank, const int64_t *shape, void *data);
pome_tensor vector_of(pome_dtype dtype, int64_t count, void *data);

#endif

/* Ways to run a program: devices, numerics, instruction sets; and what tests that compare them
 * share. */
#ifndef POME_TESTS_MODES_H
#define POME_TESTS_MODES_H

#include "text_model.h"

#define MOST 4096 /* elements of a result */

typedef struct mode {
  const char *name, *device;
  pome_numerics numerics;
  const char *isa;
} mode;

#define MODES 7
extern const mode modes[MODES]; /* the first is the definition: `ref`, strict */

/* One input; a list of them ends with one whose name is NULL. */
typedef struct input {
  const char *name;
  pome_dtype dtype; /* FP32 or INT32: of `data` */
  int rank;
  int64_t shape[POME_MAX_RANK];
  const void *data;
} input;

text_model mode_make(const char *text, const mode *how, const char *const *keep, size_t keep_count);
void mode_set(text_model *m, const input *inputs);
/* The named result as floats, at most MOST; its shape goes into `shape`. Returns how many. */
size_t mode_result(const text_model *m, const char *name, float *values, pome_tensor *shape);
/* Equal, or within `tolerance` absolute and relative; NaN equals NaN. */
void check_near(const char *what, const char *how, const float *got, const float *want,
                size_t count, float tolerance);

#endif

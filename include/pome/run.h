/* pome/run.h: from a function to results: devices, plans, runs, states.
 *
 *   pome_plan *plan;   pome_run *run;   pome_error error;
 *   pome_plan_create(function, NULL, &plan, &error);
 *   pome_run_create(plan, NULL, &run, &error);
 *   pome_run_set_tensor(run, "x", &x, &error);
 *   pome_run_predict(run, NULL, &error);
 *   pome_run_get_tensor(run, "y", &y, &error);
 *
 * A plan is a function compiled for this machine; immutable, shareable between threads. A run is
 * one thread's use of a plan. A state is what a stateful model remembers between predictions.
 */
#ifndef POME_RUN_H
#define POME_RUN_H

#include <pome/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pome_plan pome_plan;
typedef struct pome_run pome_run;
typedef struct pome_state pome_state;

/* How numbers are computed; see docs/numerics.md. */
typedef enum pome_numerics {
  POME_NUMERICS_FAST,   /* declared types are minimum precisions */
  POME_NUMERICS_STRICT, /* every result is rounded once to its declared type; sums in double */
  POME_NUMERICS_WIDE    /* every float is kept and computed in fp32 */
} pome_numerics;

/* ---- devices ---- */

typedef struct pome_device {
  const char *name;        /* "cpu", "ref", "cuda", "coreml", "metal" */
  const char *description; /* of the hardware, for people */
  bool available;
  const char *reason; /* why not available; "" otherwise */
} pome_device;

/* Every device that pome knows, whether built and present or not. Static. */
POME_API size_t pome_device_count(void);
POME_API pome_device pome_device_get(size_t index);

/* ---- plans ---- */

typedef struct pome_plan_options {
  size_t size;
  const pome_allocator *allocator;
  const pome_log *log;
  const char *devices; /* fallback chain, "ref" or "cuda,cpu"; NULL or "auto": best first */
  pome_numerics numerics;
  int threads;     /* 0: one for each core */
  const char *isa; /* NULL: all the machine has; "scalar", "avx2", "avx512": no more than that */
  /* Names of values of the body and of inputs, to be kept as results besides the outputs. */
  const char *const *keep;
  size_t keep_count;
  bool as_written; /* plan every operation as the file has it: nothing folded, joined or left out */
} pome_plan_options;

POME_API void pome_plan_options_init_sized(pome_plan_options *options, size_t size);
static inline void pome_plan_options_init(pome_plan_options *options) {
  pome_plan_options_init_sized(options, sizeof *options);
}

/* Compiles. Fails with POME_UNSUPPORTED when an operation runs on no device of the chain: the
 * message names the operation, before anything runs. The model must outlive the plan. */
POME_API pome_status pome_plan_create(const pome_function *function,
                                      const pome_plan_options *options, pome_plan **plan,
                                      pome_error *error);
/* Every run of the plan must be freed before. */
POME_API void pome_plan_free(pome_plan *plan);

POME_API const pome_function *pome_plan_function(const pome_plan *plan);

/* One link of the fallback chain and what became of it. The texts live as long as the plan. */
typedef struct pome_plan_device {
  const char *name;
  size_t operations;  /* how many operations it runs */
  const char *reason; /* why it was refused, or why it left operations to the next; "" otherwise */
} pome_plan_device;
POME_API size_t pome_plan_device_count(const pome_plan *plan);
POME_API pome_plan_device pome_plan_device_get(const pome_plan *plan, size_t index);

/* ---- states ---- */

/* A zeroed state for the union of the state ports of `count` functions, possibly of several models;
 * ports of equal name must agree in shape and type. The functions' models must outlive it. */
POME_API pome_status pome_state_create(const pome_function *const *functions, size_t count,
                                       const pome_allocator *allocator, pome_state **state,
                                       pome_error *error);
POME_API void pome_state_free(pome_state *state);
/* Back to zeros. This, cloning and writing are POME_USAGE while a prediction uses the state. */
POME_API pome_status pome_state_reset(pome_state *state, pome_error *error);
POME_API pome_status pome_state_clone(const pome_state *state, pome_state **clone,
                                      pome_error *error);
POME_API size_t pome_state_bytes(const pome_state *state);
POME_API size_t pome_state_count(const pome_state *state);
POME_API const char *pome_state_name(const pome_state *state, size_t index);
/* A view of the stored tensor; valid until the state is freed, changed by predictions. */
POME_API pome_status pome_state_read(const pome_state *state, const char *name, pome_tensor *tensor,
                                     pome_error *error);
/* Copies, converting to the stored type. */
POME_API pome_status pome_state_write(pome_state *state, const char *name,
                                      const pome_tensor *tensor, pome_error *error);

/* ---- runs ---- */

typedef struct pome_run_options {
  size_t size;
  const pome_allocator *allocator;
  /* Called on the predicting thread after each step; NULL for none. */
  void (*progress)(void *context, size_t done, size_t total);
  void *progress_context;
} pome_run_options;

POME_API void pome_run_options_init_sized(pome_run_options *options, size_t size);
static inline void pome_run_options_init(pome_run_options *options) {
  pome_run_options_init_sized(options, sizeof *options);
}
POME_API pome_status pome_run_create(const pome_plan *plan, const pome_run_options *options,
                                     pome_run **run, pome_error *error);
POME_API void pome_run_free(pome_run *run);

/* Binds an input. The memory is borrowed until the next prediction returns. Types are converted to
 * the port's when no value changes (and between float types, which round); POME_INPUT otherwise,
 * and when the name is unknown or the shape not allowed: the message names the allowed ones. An
 * image port takes the tensor that its program does. */
POME_API pome_status pome_run_set_tensor(pome_run *run, const char *name, const pome_tensor *tensor,
                                         pome_error *error);
/* Copies images, borrows everything else. An image must have a size that the port allows, and color
 * or gray as the port. */
POME_API pome_status pome_run_set_value(pome_run *run, const char *name, const pome_value *value,
                                        pome_error *error);

/* Runs the plan on the bound inputs, blocking. `state` is needed exactly when the function has
 * state ports. A state used by two predictions at once is POME_USAGE. After a failure or a cancel
 * the run can be used again; the state may have been changed in part. POME_IO: a mapped file of the
 * model has become shorter. */
POME_API pome_status pome_run_predict(pome_run *run, pome_state *state, pome_error *error);

/* A view of a result (an output, or a value kept by the plan; of a dictionary its values), valid
 * until the next prediction or until the run is freed. */
POME_API pome_status pome_run_get_tensor(const pome_run *run, const char *name, pome_tensor *tensor,
                                         pome_error *error);
/* The result as a value the caller owns, copied, of the kind that its port declares: a classifier's
 * label as string or int64, its probabilities as dictionary; an image as uint8 [height, width, 3]
 * in RGB order, or [height, width] for gray. */
POME_API pome_status pome_run_get_value(const pome_run *run, const char *name, pome_value **value,
                                        pome_error *error);

/* Asks the prediction going on to stop; callable from any thread or signal handler. The flag is
 * cleared when a prediction starts. */
POME_API void pome_run_cancel(pome_run *run);

/* Bytes the run holds for intermediate values. */
POME_API size_t pome_run_bytes(const pome_run *run);

/* ---- conveniences ---- */

typedef struct pome_named_tensor {
  const char *name;
  pome_tensor tensor;
} pome_named_tensor;

/* Set, predict, get in one call. Output tensors are views into the run. */
POME_API pome_status pome_predict(pome_run *run, const pome_named_tensor *inputs,
                                  size_t input_count, pome_named_tensor *outputs,
                                  size_t output_count, pome_error *error);
POME_API pome_status pome_predict_with_state(pome_run *run, pome_state *state,
                                             const pome_named_tensor *inputs, size_t input_count,
                                             pome_named_tensor *outputs, size_t output_count,
                                             pome_error *error);

#ifdef __cplusplus
}
#endif
#endif

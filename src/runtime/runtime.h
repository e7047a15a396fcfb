/* The public objects from inside. */
#ifndef POME_SRC_RUNTIME_RUNTIME_H
#define POME_SRC_RUNTIME_RUNTIME_H

#include <pome/run.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"
#include "load/load.h"
#include "plan/plan.h"

struct pome_function {
  const pome_model *model;
  const pome__function_description *description;
  const char *name;
  const char *type; /* "mlProgram" and the like: of the model, or of the stage that this is */
  const pome__program *whole; /* the program it belongs to; NULL when it is of another type */
  const pome__function *program;
  pome_function *stages; /* of a pipeline, in order */
  size_t stage_count;
  pome_op_count *op_counts;
  size_t op_count_count;
  pome_weight *weights;
  size_t weight_count;
  const pome_operation *operations; /* one for each operation of the program's body */
};

struct pome_model {
  const pome_allocator *allocator;
  pome__arena arena;
  pome__package *package;
  pome__program *program;         /* NULL when the model is not a program */
  pome__program **stage_programs; /* of a pipeline; NULL for stages of other types */
  size_t stage_count;
  pome_function *functions;
  size_t function_count;
};

/* Either one function's plan, or a pipeline's: a plan for each stage. */
struct pome_plan {
  const pome_allocator *allocator;
  const pome_function *function;
  pome__program *program; /* the function after its passes; NULL: planned as written */
  pome__plan *plan;
  pome_plan **stages;
  size_t stage_count;
};

/* Memory of the run's own for an input or a result, kept between predictions. */
typedef struct pome__held {
  void *data;
  size_t bytes;
} pome__held;

typedef struct pome__bound_input {
  bool set;
  pome_tensor tensor; /* what the plan sees: the caller's memory or `copy` */
  pome__held copy;
} pome__bound_input;

typedef struct pome__result {
  pome_tensor tensor;
  const pome_tensor *keys; /* of a dictionary, whose values `tensor` holds; else NULL */
  bool ready;
  pome__held copy;
} pome__result;

/* Arrays are NULL in the run of a pipeline, which has a run for each stage. */
struct pome_run {
  const pome_allocator *allocator;
  const pome_plan *plan;
  pome_run_options options;
  pome__slot *slots;         /* by value index */
  void **instances;          /* by subplan */
  pome__bound_input *inputs; /* by function input */
  pome__result *results;     /* by plan result */
  pome_run **stages;
  atomic_bool cancel;
  size_t done; /* operations, for progress */
};

typedef struct pome__state_entry {
  const char *name;
  pome_tensor tensor;
} pome__state_entry;

struct pome_state {
  const pome_allocator *allocator;
  pome__state_entry *entries;
  size_t count;
  size_t capacity;
  atomic_flag busy; /* used by a prediction, or being read, written or zeroed as a whole */
};

struct pome_value {
  const pome_allocator *allocator;
  pome_feature feature;
  pome_color color;
  pome_tensor tensor;
  pome_tensor keys;
  void *owned; /* memory of tensor and keys, or NULL when borrowed */
  size_t owned_bytes;
};

/* Fills function->op_counts and weights (summary.c). */
pome_status pome__function_summarise(pome__arena *arena, pome_function *function,
                                     pome_error *error);

/* Fills function->operations (operations.c). */
pome_status pome__function_list(pome__arena *arena, pome_function *function, pome_error *error);
/* A model of a resolved program that comes from no file; takes the program, also when it fails
 * (model.c). */
pome_status pome__model_of_program(pome__program *program, const pome_allocator *allocator,
                                   pome_model **model, pome_error *error);

/* Whether the port takes a tensor, or an image of [height, width], of that size. */
bool pome__port_allows(const pome_port *port, int rank, const int64_t *shape);
/* The largest type an input may have: false when it has no bound. */
bool pome__port_bound(const pome_port *port, const pome__type *declared, pome__type *bound);
/* POME_INPUT naming the allowed shapes when the port does not take this one. */
pome_status pome__port_check_shape(const pome_port *port, const pome__type *declared, int rank,
                                   const int64_t *shape, pome_error *error);

/* ---- state.c ---- */

/* Marks the state as used; POME_USAGE when it is already. NULL stands for no state. */
pome_status pome__state_take(const pome_state *state, pome_error *error);
void pome__state_return(const pome_state *state);

/* ---- run.c ---- */

/* Runs on the inputs that are bound, and unbinds them. The caller guards the state and has lowered
 * the cancel flag. */
pome_status pome__run_execute(pome_run *run, const pome_state *state, pome_error *error);
/* The result of that name and the port that describes it (NULL: a kept value). */
pome_status pome__run_result(const pome_run *run, const char *name, const pome__result **result,
                             const pome_port **port, pome_error *error);

/* ---- values (value.c) ---- */

/* A value with zeroed memory of its own for a tensor of that type and shape. */
pome_status pome__value_create(pome_feature feature, pome_dtype dtype, int rank,
                               const int64_t *shape, const pome_allocator *allocator,
                               pome_value **value, pome_error *error);

/* ---- images (image.c) ---- */

/* What an image becomes for a port: checks color and size and fills in `planes`, without memory, as
 * `declared` with elements of type `stored`. */
pome_status pome__image_shape(const pome_port *port, const pome__type *declared, pome_dtype stored,
                              const pome_value *image, pome_tensor *planes, pome_error *error);
/* Fills the planes, in the order that the port wants. */
void pome__image_unpack(const pome_port *port, const pome_value *image, pome_tensor *planes);
/* The image that an output's tensor stands for: RGB order whatever the port's. */
pome_status pome__image_pack(const pome_port *port, const pome_tensor *planes,
                             const pome_allocator *allocator, pome_value **image,
                             pome_error *error);

/* ---- pipelines (pipeline.c) ---- */

/* Loads the programs of the stages, within `memory_limit` altogether (0: none). */
pome_status pome__pipeline_load(pome_model *model, size_t memory_limit, pome_error *error);
/* Gives the model's function its stages. */
pome_status pome__pipeline_describe(pome_model *model, pome_function *function, pome_error *error);
pome_status pome__pipeline_plan(pome_plan *plan, const pome_plan_options *options,
                                pome_error *error);
pome_status pome__pipeline_open(pome_run *run, pome_error *error);
/* Binds an input of the pipeline to every stage that takes it: `value`, or `tensor` when that is
 * NULL. */
pome_status pome__pipeline_set(pome_run *run, const char *name, const pome_tensor *tensor,
                               const pome_value *value, pome_error *error);
pome_status pome__pipeline_execute(pome_run *run, const pome_state *state, pome_error *error);
pome_status pome__pipeline_result(const pome_run *run, const char *name,
                                  const pome__result **result, const pome_port **port,
                                  pome_error *error);

/* Adds to a text in a buffer of that size, as much as fits; names with a comma between (ports.c).
 */
void pome__append(char *text, size_t size, const char *more);
void pome__append_name(char *text, size_t size, const char *name);
/* POME_INPUT naming the inputs there are (ports.c). */
pome_status pome__fail_unknown_input(const pome_function *function, const char *name,
                                     pome_error *error);

/* Copies into `target` (allocated, same element count), refusing values that the target type cannot
 * hold; floats may round to narrower floats (convert.c). `name` is for the message. */
pome_status pome__convert(const pome_tensor *source, pome_tensor *target, const char *name,
                          pome_error *error);

#endif

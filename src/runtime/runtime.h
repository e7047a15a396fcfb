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
  const pome__function *program; /* NULL when the model is not a program */
  pome_op_count *op_counts;
  size_t op_count_count;
  pome_weight *weights;
  size_t weight_count;
};

struct pome_model {
  const pome_allocator *allocator;
  pome__arena arena;
  pome__package *package;
  pome__program *program; /* NULL when the model is not a program */
  pome_function *functions;
  size_t function_count;
};

struct pome_plan {
  const pome_allocator *allocator;
  const pome_function *function;
  pome__plan *plan;
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
  atomic_flag busy;
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
pome_status pome__function_summarise(pome__arena *arena, pome_function *function, pome_error *error);

/* Ports of a function that no description tells of (bare program text), from the program (ports.c). */
pome_status pome__describe_program(pome__arena *arena, const pome__program *program, pome__description *description,
                                   pome_error *error);
/* The largest type an input may have: false when it has no bound. */
bool pome__port_bound(const pome_port *port, const pome__type *declared, pome__type *bound);
/* POME_INPUT naming the allowed shapes when the port does not take this one. */
pome_status pome__port_check_shape(const pome_port *port, const pome__type *declared, int rank, const int64_t *shape,
                                   pome_error *error);

/* Copies into `target` (allocated, same element count), refusing values that the target type cannot hold; floats may round
 * to narrower floats (convert.c). `name` is for the message. */
pome_status pome__convert(const pome_tensor *source, pome_tensor *target, const char *name, pome_error *error);

#endif

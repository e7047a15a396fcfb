/* The CPU backend's own types.
 *
 * A subplan becomes steps over *locals* (the values it touches, numbered densely). What depends on
 * the program alone is decided in prepare.c: the kind of each step, aliases, lifetimes, packed
 * weights. What depends on sizes is decided in bind.c, which allocates nothing when the sizes stay
 * under the bounds the run was opened with: types, memory offsets, small shape computations. run.c
 * then only follows pointers.
 */
#ifndef POME_SRC_BACKEND_CPU_CPU_H
#define POME_SRC_BACKEND_CPU_CPU_H

#include "kernels/kernels.h"
#include "ops/ops.h"
#include "plan/plan.h"

#define POME__NO_LOCAL UINT32_MAX

typedef enum pome__storage {
  POME__STORE_EXTERNAL, /* a slot filled from outside: input, state, result of another subplan */
  POME__STORE_CONSTANT,
  POME__STORE_PLANNED, /* in the instance's arena, at an offset */
  POME__STORE_ALIAS    /* the same memory as local `of` */
} pome__storage;

/* Integers of at most this many elements have a place of their own, so that shape computations can
 * be done when binding. */
#define POME__SMALL       16
#define POME__SMALL_BYTES (POME__SMALL * 8)

typedef struct pome__local {
  pome__value *value;
  pome__storage storage;
  uint32_t of;      /* ALIAS: the local whose memory this is (never itself an alias) */
  uint32_t group;   /* the local this is a view of, through any number of views; itself otherwise */
  uint32_t made_by; /* step, or POME__NO_LOCAL */
  size_t last;      /* last step that needs the memory; step_count when it leaves the subplan */
  bool leaves;      /* an output of the subplan */
  uint32_t small_at; /* integers: place among the small values, used when the size bound is small;
                        else POME__NO_LOCAL */
} pome__local;

typedef enum pome__step_kind {
  POME__STEP_EVAL,        /* the schema's evaluation */
  POME__STEP_VIEW,        /* output is an alias: nothing to do */
  POME__STEP_LINEAR,      /* x times a constant matrix, on the matrix kernels */
  POME__STEP_CONV,        /* x with constant filters, on kernels that read channels as they lie */
  POME__STEP_GATHER_LUT,  /* rows of a palettized matrix */
  POME__STEP_READ_STATE,  /* output is an alias of the state, or a copy */
  POME__STEP_WRITE_STATE, /* nothing when the data is the state's own memory, or a copy */
  POME__STEP_UPDATE_STATE /* slice_update that writes only the new rows into the state */
} pome__step_kind;

typedef struct pome__step {
  const pome__op *op;
  pome__step_kind kind;
  uint32_t
      *operands; /* locals in schema order; POME__NO_LOCAL for lists, tuples and strings in place */
  size_t operand_count;
  uint32_t *outputs;
  uint32_t x;                 /* LINEAR, CONV, GATHER_LUT: the local of activations or indices */
  uint32_t w;                 /* LINEAR, GATHER_LUT: the local of the matrix */
  pome__weight_matrix matrix; /* LINEAR, GATHER_LUT */
  const float *bias;          /* LINEAR, CONV: NULL when there is none */
  bool wraps, clamps;   /* GATHER_LUT: negative indices count from the end; indices outside take the
                           nearest row */
  size_t first_operand; /* where its operands lie in the instance's array */
  size_t first_output;
} pome__step;

typedef struct pome__cpu_plan {
  pome__plan *plan;
  const pome__subplan *subplan;
  const pome__kernels *kernels;
  pome__step *steps;
  size_t step_count;
  pome__local *locals;
  size_t local_count;
  size_t operand_total, output_total, small_total;
  pome_numerics numerics;
} pome__cpu_plan;

/* What is known of a local at the sizes bound now. */
typedef struct pome__bound {
  pome__type type;
  pome_tensor tensor;
  bool known;   /* its value was computed when binding */
  bool dynamic; /* its size is known only when its step runs */
  void *grown;  /* dynamic: memory of its own, kept between predictions */
  size_t grown_bytes;
} pome__bound;

typedef struct pome__cpu {
  const pome__cpu_plan *prepared;
  const pome_allocator *allocator;
  const pome__exec *exec;
  pome__bound *bound;      /* by local */
  pome__operand *operands; /* of all steps */
  pome__type *out_types;
  pome_tensor *outputs;
  uint8_t *step_flags;       /* POME__STEP_DONE ... */
  pome__type *check_types;   /* room for the outputs of one step */
  pome__interval *intervals; /* by planned local, in step order */
  uint32_t *interval_local;
  size_t *live;
  unsigned char *small; /* POME__SMALL elements of 8 bytes for each small local */
  void *arena;
  size_t arena_bytes;
  pome__arena scratch;
  size_t own_bytes; /* of the arrays above, one block */
  bool is_bound;
} pome__cpu;

#define POME__STEP_DONE    1u /* computed when binding */
#define POME__STEP_CHECK   2u /* its shape depends on values: verify before it runs */
#define POME__STEP_DYNAMIC 4u /* its shape is known only when it runs */

/* prepare.c */
pome_status pome__cpu_prepare(pome__plan *plan, pome__subplan *subplan, pome_error *error);
/* states.c: decides which reads, updates and writes of states touch the state's memory directly. */
void pome__cpu_alias_states(pome__cpu_plan *prepared);
/* bind.c: types, offsets and small values for the sizes of the slots now. `reserve` binds at the
 * largest sizes to take the memory ahead; where a size has no bound, or the largest sizes do not go
 * together, memory is taken by the first prediction. */
pome_status pome__cpu_bind(pome__cpu *cpu, pome_error *error);
void pome__cpu_reserve(pome__cpu *cpu);
/* Gives output `o` of step `s`, whose size is known only now, memory of its own. */
pome_status pome__cpu_grow(pome__cpu *cpu, size_t s, size_t o, const pome__type *type,
                           pome_error *error);
/* Prepares the call of step `s`; `known_only`: operands whose values are not known yet are left
 * out. */
void pome__cpu_call(pome__cpu *cpu, size_t s, bool known_only, pome__call *call, pome_error *error);

/* conv.c: runs a CONV step; what scratch it takes at the sizes bound. */
pome_status pome__cpu_run_conv(pome__cpu *cpu, size_t s, pome_error *error);
pome_status pome__cpu_conv_scratch(pome__cpu *cpu, size_t s, size_t *bytes);

/* Steps of fewer multiply-adds than this take one thread about 15 us: sharing them gains nothing
 * that is sure. */
#define POME__PARALLEL_WORK 524288

/* run.c */
/* Activations as floats: where they lie, or converted into scratch; NULL: no memory. */
const float *pome__cpu_floats(pome__cpu *cpu, const pome_tensor *x);
pome_status pome__cpu_submit(void *instance, const pome__exec *exec, pome_error *error);

#endif

/* What operations mean: the op table, type inference and evaluation.
 *
 * Each op version is one row (a pome__schema): its parameters with defaults and type domains, how
 * its output types follow from its inputs, and how it is evaluated on scalar code. Loader,
 * verifier, printer, documentation, shape computation and the `ref` backend all read this table.
 *
 * Inference and evaluation see their operands through one struct, pome__call. At inference an
 * operand's tensor may be unknown (NULL); at evaluation every operand has one, contiguous and
 * row-major. Floats may be stored wider than declared (numerics `wide` and `fast`): code reads the
 * dtype of the tensor it is given, through pome__load_*, and never assumes the declared type.
 */
#ifndef POME_SRC_OPS_OPS_H
#define POME_SRC_OPS_OPS_H

#include <pome/run.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/memory.h"
#include "mil/mil.h"

/* Sets of dtypes as bits. */
typedef uint32_t pome__dtypes;
#define POME__BIT(dtype) ((pome__dtypes)1 << POME_##dtype)
_Static_assert(POME_DTYPE_COUNT <= 32, "a dtype set is 32 bits");

#define POME__PARAM_CONST    1u  /* must be known at compile time */
#define POME__PARAM_OPTIONAL 2u  /* may be absent */
#define POME__PARAM_TUPLE    4u  /* any number of values, one or more */
#define POME__PARAM_LIST     8u  /* a list, not a tensor */
#define POME__PARAM_STATE    16u /* a state */
#define POME__PARAM_ANY      32u /* tensor, list or dictionary */

typedef struct pome__call pome__call;

typedef enum pome__default_kind {
  POME__DEFAULT_NONE, /* absent stays absent */
  POME__DEFAULT_INT,
  POME__DEFAULT_FLOAT,
  POME__DEFAULT_BOOL,
  POME__DEFAULT_STRING,
  POME__DEFAULT_COMPUTED /* depends on the other inputs: `ints` fills it */
} pome__default_kind;

typedef struct pome__default {
  pome__default_kind kind;
  double number;    /* INT, FLOAT, BOOL */
  const char *text; /* STRING */
  /* COMPUTED vectors of integers ([1] * spatial dimensions ...): writes up to `capacity` and
   * returns how many there are. */
  size_t (*ints)(const pome__call *call, int64_t *out, size_t capacity);
} pome__default;

typedef struct pome__param {
  const char *name;
  pome__dtypes dtypes; /* allowed element types; 0: any */
  char domain;         /* parameters with the same letter have the same element type; 0: free */
  uint16_t flags;
  pome__default fallback;
} pome__param;

/* How an op is executed. */
typedef enum pome__op_kind {
  POME__OP_PURE,      /* outputs follow from inputs: `eval` */
  POME__OP_CONST,     /* const: value known at load */
  POME__OP_CONSTEXPR, /* pure, but only of constants: evaluated when the plan is made, or read
                         packed by a kernel */
  POME__OP_VIEW,      /* pure, and the output has the same elements in the same order as operand 0
                         (reshape ...) */
  POME__OP_CONTROL,   /* cond, while_loop, lists, states: done by the executor */
  POME__OP_RANDOM     /* not a function of its inputs alone */
} pome__op_kind;

typedef struct pome__schema {
  const char *name;
  const char *family;
  pome__opset since;
  pome__op_kind kind;
  const pome__param *params;
  size_t param_count;
  /* Output types into call->out_types (prepared with rank -1 tensors): all dims that can be known.
   * Not NULL. */
  pome_status (*infer)(pome__call *call);
  /* Fills call->outputs, allocated by the caller with the inferred shapes. NULL: not evaluated yet,
   * or kind CONTROL. */
  pome_status (*eval)(pome__call *call);
} pome__schema;

/* One bound value of an argument. */
typedef struct pome__operand {
  const pome__type *type;    /* concrete when the tensor is known */
  const pome_tensor *tensor; /* NULL: not known (inference only) */
} pome__operand;

#define POME__MAX_PARAMS  24
#define POME__MAX_OUTPUTS 512

struct pome__call {
  const pome__op *op;                 /* its schema is set */
  const pome__operand *operands;      /* all arguments' values, in schema parameter order */
  size_t first[POME__MAX_PARAMS + 1]; /* operands of parameter p: first[p] .. first[p+1]-1 */
  pome__type *out_types;              /* op->output_count; inference writes, evaluation reads */
  pome_tensor *outputs;               /* evaluation: op->output_count, contiguous, allocated */
  pome_numerics numerics;
  pome__arena *scratch; /* evaluation: reset after each call. Inference: where element types of
                         * lists that are not declared are made, and must live as long as the types;
                         * NULL after the program has been resolved */
  const struct pome__kernels *kernels; /* evaluation: may be NULL: scalar */
  const atomic_bool *cancel; /* evaluation: once it is up, long loops leave, and what is in the
                              * outputs is worth nothing; NULL: they never do */
  bool missed_value; /* inference: set when it would have looked at an operand's value, to take a
                      * shape from it or to check it, and did not have it: to be done again when the
                      * values are there, and before evaluation, which relies on the checks */
  pome_error *error;
};

/* ---- table (table.c) ---- */
/* The newest row of that name which `opset` may use, or NULL. */
const pome__schema *pome__schema_find(const char *name, pome__opset opset);
/* All rows, for documentation and tests: index 0 .. count-1, sorted by name, then opset. */
size_t pome__schema_count(void);
const pome__schema *pome__schema_at(size_t index);
/* Index of a parameter by name, or -1. */
int pome__schema_param(const pome__schema *schema, const char *name);

/* ---- meaning of a whole program (resolve.c): binds schemas and arguments, checks arity, domains,
 * constness and blocks, infers every type and compares it with the declared one; where a declared
 * type is less known than the inferred one, it is refined (a tensor type of dtype NONE and rank -1
 * is one not declared at all). After this nothing in the program can make inference or evaluation
 * read out of bounds. ---- */
pome_status pome__program_resolve(pome__program *program, pome_error *error);
/* The same for one op of a program that is being built, whose arguments and blocks are resolved. */
pome_status pome__op_resolve(pome__program *program, pome__function *function, pome__op *op,
                             pome_error *error);

/* ---- calling (call.c) ---- */
/* How many operands the op has in schema order (size of the `operands` array). */
size_t pome__op_operand_count(const pome__op *op);
/* The value behind operand `index` of that array. */
pome__value *pome__op_operand_value(const pome__op *op, size_t index);
/* Prepares a call: op, first[]; the rest zero. */
void pome__call_init(pome__call *call, const pome__op *op, pome_error *error);
/* Runs the schema's inference on call->operands; every output type is checked for sanity: rank <=
 * POME_MAX_RANK, counts that fit. */
pome_status pome__call_infer(pome__call *call);

/* Whether a long loop should leave: asked about once in a millisecond of work, or more often. */
static inline bool pome__call_stopped(const pome__call *call) {
  return call->cancel != NULL && atomic_load_explicit(call->cancel, memory_order_relaxed);
}

/* ---- for the rows' own code (call.c): operand `i` of parameter `p` ---- */
bool pome__has(const pome__call *call, int p);
size_t pome__count(const pome__call *call, int p);
const pome__type *pome__type_of(const pome__call *call, int p, size_t i);
const pome_tensor *pome__tensor_of(const pome__call *call, int p,
                                   size_t i); /* NULL when not known */
/* Scalars: the operand's first element, else the default. False when neither is known. */
bool pome__int_of(const pome__call *call, int p, int64_t *value);
bool pome__float_of(const pome__call *call, int p, double *value);
bool pome__bool_of(const pome__call *call, int p, bool *value);
/* Points into the operand or the table. */
bool pome__string_of(const pome__call *call, int p, pome_string *value);
bool pome__string_is(pome_string s, const char *text);
/* An integer vector (or scalar): false when not known or longer than capacity. Absent with a
 * computed default: the default. */
bool pome__ints_of(const pome__call *call, int p, int64_t *out, size_t capacity, size_t *count);
/* "axis" in -rank .. rank-1 to 0 .. rank-1; POME_INPUT naming op, parameter and allowed range
 * otherwise. */
pome_status pome__axis(pome__call *call, const char *param, int64_t axis, int64_t rank, int *out);
/* POME_INPUT at this op. */
pome_status pome__call_fail(pome__call *call, const char *format, ...) POME__PRINTF(2, 3);
pome_status pome__call_memory(pome__call *call);

/* Rows use these to stay short. TF: fp16, fp32. TI: the integer types of activations. */
#define POME__TF   (POME__BIT(FP16) | POME__BIT(FP32))
#define POME__TFI  (POME__TF | POME__BIT(INT32))
#define POME__TFIB (POME__TFI | POME__BIT(BOOL))
#define POME__T17                                                                                  \
  (POME__TF | POME__BIT(INT8) | POME__BIT(UINT8) | POME__BIT(INT16) | POME__BIT(UINT16) |          \
   POME__BIT(INT32) | POME__BIT(BOOL))

/* P("x", 'T', dtypes, flags) | with a default: */
#define POME__P(name, domain, dtypes, flags)                                                       \
  {                                                                                                \
    name, dtypes, domain, flags, {                                                                 \
      POME__DEFAULT_NONE, 0, NULL, NULL                                                            \
    }                                                                                              \
  }
#define POME__P_INT(name, domain, dtypes, flags, value)                                            \
  {                                                                                                \
    name, dtypes, domain, (flags) | POME__PARAM_OPTIONAL, {                                        \
      POME__DEFAULT_INT, value, NULL, NULL                                                         \
    }                                                                                              \
  }
#define POME__P_FLOAT(name, domain, dtypes, flags, value)                                          \
  {                                                                                                \
    name, dtypes, domain, (flags) | POME__PARAM_OPTIONAL, {                                        \
      POME__DEFAULT_FLOAT, value, NULL, NULL                                                       \
    }                                                                                              \
  }
#define POME__P_BOOL(name, flags, value)                                                           \
  {                                                                                                \
    name, POME__BIT(BOOL), 0, (flags) | POME__PARAM_OPTIONAL, {                                    \
      POME__DEFAULT_BOOL, value, NULL, NULL                                                        \
    }                                                                                              \
  }
#define POME__P_STRING(name, flags, value)                                                         \
  {                                                                                                \
    name, POME__BIT(STRING), 0, (flags) | POME__PARAM_OPTIONAL, {                                  \
      POME__DEFAULT_STRING, 0, value, NULL                                                         \
    }                                                                                              \
  }
#define POME__P_COMPUTED(name, domain, dtypes, flags, fn)                                          \
  {                                                                                                \
    name, dtypes, domain, (flags) | POME__PARAM_OPTIONAL, {                                        \
      POME__DEFAULT_COMPUTED, 0, NULL, fn                                                          \
    }                                                                                              \
  }
#define POME__ROW(name, family, since, kind, params, infer, eval)                                  \
  { name, family, since, kind, params, sizeof(params) / sizeof((params)[0]), infer, eval }

#endif

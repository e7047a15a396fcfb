/* The program form: Apple's Model Intermediate Language in memory.
 *
 * A program holds functions; a function has typed inputs (states are inputs too), an opset and a
 * block of operations in execution order; an operation takes named arguments, gives named values
 * and may hold blocks. Every argument is a list of values; a literal written in place is a value
 * without a name that carries a literal. `mil` knows neither files nor devices, and not what an op
 * means: that is `ops`.
 *
 * Everything lives in the program's arena. Constant data stays where it is: a literal points into
 * the mapped weight file or into the arena.
 */
#ifndef POME_SRC_MIL_MIL_H
#define POME_SRC_MIL_MIL_H

#include <pome/tensor.h>

#include "base/bytes.h"
#include "base/memory.h"

/* Deepest nesting of blocks, types and literals that is accepted anywhere. */
#define POME__MAX_DEPTH 32

typedef enum pome__opset {
  POME__OPSET_NONE,
  POME__IOS13, /* before ML programs: base of the op table */
  POME__IOS15, /* CoreML5 */
  POME__IOS16, /* CoreML6 */
  POME__IOS17, /* CoreML7 */
  POME__IOS18, /* CoreML8 */
  POME__IOS26, /* CoreML9 */
  POME__OPSET_COUNT
} pome__opset;

/* "CoreML7" <-> POME__IOS17; NONE when unknown. Also "ios17" as MIL text has it. */
pome__opset pome__opset_from_name(const char *name);
const char *pome__opset_name(pome__opset opset);      /* "CoreML7" */
const char *pome__opset_text_name(pome__opset opset); /* "ios17" */

typedef enum pome__type_kind {
  POME__TYPE_TENSOR,
  POME__TYPE_LIST,  /* elements[0], length */
  POME__TYPE_TUPLE, /* elements[0 .. element_count-1] */
  POME__TYPE_DICT,  /* elements[0] key, elements[1] value */
  POME__TYPE_STATE  /* elements[0] the tensor type */
} pome__type_kind;

typedef struct pome__type {
  pome__type_kind kind;
  pome_dtype dtype;            /* tensors */
  int32_t rank;                /* tensors; -1: not known */
  int64_t dims[POME_MAX_RANK]; /* POME_DIM_UNKNOWN where not known */
  const struct pome__type *const *elements;
  size_t element_count;
  int64_t length; /* lists; -1: not known */
} pome__type;

/* Where compilers put weights; programs that name no other file mean this one. */
#define POME__BLOB_PATH "@model_path/weights/weight.bin"

/* A compile-time value. Tensors: `data` holds count elements, contiguous, little endian, sub-byte
 * packed; strings are an array of pome_string. Tuples, lists: items. Dictionaries: key and value in
 * turn. Of a tensor in a weight file that is missing `data` is NULL and `bytes` what its type
 * takes: such a value is not known. */
typedef struct pome__literal {
  pome__type type; /* of tensors fully known; aggregates may leave the sizes of their parts open */
  const void *data;
  size_t bytes;
  uint64_t blob_offset; /* of the record's metadata in the weight file; POME_NO_OFFSET: immediate */
  const char *blob_path; /* as the program names the weight file; NULL: POME__BLOB_PATH */
  const struct pome__literal *const *items;
  size_t item_count;
} pome__literal;

typedef struct pome__op pome__op;
typedef struct pome__block pome__block;
typedef struct pome__function pome__function;

typedef struct pome__value {
  const char *name; /* "" for a literal written in place */
  pome__type type;
  const pome__literal *literal; /* of const ops and literals in place, else NULL */
  pome__op *producer; /* NULL for inputs of functions and blocks and for literals in place */
  uint32_t index;     /* dense within the function, nested blocks included; literals in place too */
} pome__value;

/* A named argument. Parameters that files keep in attributes (const's `val`, iOS16 constexpr ops)
 * are arguments with `attribute` set. */
typedef struct pome__arg {
  const char *name;
  pome__value **values;
  size_t count;
  bool attribute;
} pome__arg;

struct pome__op {
  const char *type; /* "add" */
  const char *name; /* the name attribute, or the first output's name */
  pome__arg *args;  /* sorted once the operation stands in its block */
  size_t arg_count;
  pome__value **outputs;
  size_t output_count;
  pome__block **blocks;
  size_t block_count;
  pome__block *parent;
  uint32_t index;                    /* dense within the function, in execution order */
  uint32_t line;                     /* in a text file; 0 when unknown */
  const struct pome__schema *schema; /* set by ops; NULL before */
  pome__arg **by_param; /* set by ops: argument of each schema parameter, NULL when absent */
};

struct pome__block {
  pome__value **inputs;
  size_t input_count;
  pome__op **ops;
  size_t op_count;
  size_t op_capacity;
  pome__value **outputs;
  size_t output_count;
  pome__op *owner; /* NULL for a function's body */
  pome__function *function;
};

/* The attribute of functions in compiled text that repeats what the description says of shapes. */
#define POME__FLEXIBLE_NOTE "FlexibleShapeInformation"

typedef struct pome__attribute {
  const char *name;
  const pome__literal *value;
} pome__attribute;

struct pome__function {
  const char *name;
  pome__opset opset;
  pome__value **inputs; /* in declared order; state inputs have a state type */
  size_t input_count;
  pome__block *body;
  pome__attribute *attributes; /* FlexibleShapeInformation in text */
  size_t attribute_count;
  uint32_t value_count;
  uint32_t op_count;
};

typedef struct pome__program {
  pome__arena arena;
  pome__function **functions;
  size_t function_count;
  pome__attribute *attributes; /* buildInfo */
  size_t attribute_count;
  int64_t version;
  const char *missing_weights; /* a weight file that is named and not there: nothing can be
                                  evaluated; NULL when all are there */
} pome__program;

/* ---- building (build.c). NULL means out of memory. Names are copied into the arena. ---- */
pome__program *pome__program_create(const pome_allocator *allocator, size_t limit);
void pome__program_free(pome__program *program);

pome__function *pome__program_add_function(pome__program *program, const char *name,
                                           pome__opset opset);
/* For inputs of functions and blocks, outputs of ops, and literals in place (name ""). */
pome__value *pome__function_new_value(pome__program *program, pome__function *function,
                                      const char *name, const pome__type *type);
bool pome__function_add_input(pome__program *program, pome__function *function, pome__value *value);
pome__block *pome__block_new(pome__program *program, pome__function *function, pome__op *owner);
pome__op *pome__op_new(pome__program *program, const char *type);
/* Appends to the block; sets parent and index, and sorts the arguments as compilers print them:
 * by name, attributes last. */
bool pome__block_append(pome__program *program, pome__block *block, pome__op *op);
bool pome__op_add_arg(pome__program *program, pome__op *op, const char *name,
                      pome__value *const *values, size_t count, bool attribute);
bool pome__op_add_output(pome__program *program, pome__op *op, pome__value *value);
bool pome__op_add_block(pome__program *program, pome__op *op, pome__block *block);
bool pome__block_set_inputs(pome__program *program, pome__block *block, pome__value *const *values,
                            size_t count);
bool pome__block_set_outputs(pome__program *program, pome__block *block, pome__value *const *values,
                             size_t count);

/* `function` NULL: an attribute of the program. */
bool pome__program_add_attribute(pome__program *program, pome__function *function, const char *name,
                                 const pome__literal *value);
/* A tensor literal with a copy of `bytes` bytes of data (strings: of the pome_strings, not of their
 * text). `data` NULL: zeros. */
pome__literal *pome__literal_new_tensor(pome__program *program, pome_dtype dtype, int rank,
                                        const int64_t *dims, const void *data, size_t bytes);
/* A literal in place: a value without name. */
pome__value *pome__function_new_literal(pome__program *program, pome__function *function,
                                        const pome__literal *literal);

const pome__arg *pome__op_find_arg(const pome__op *op, const char *name);
pome__function *pome__program_find_function(const pome__program *program, const char *name);

/* ---- copies (clone.c) ---- */
/* A program that holds a copy of one verified function. Literals and parts of types are shared: the
 * function's program must outlive it. `wanted`, by op->index, picks operations of the body: what
 * they take from outside becomes the copy's inputs, in order of first use, and what none of them
 * takes its outputs; NULL: the whole function. The copy is to be verified and resolved. NULL when
 * out of memory. */
pome__program *pome__program_clone(const pome__function *function, const bool *wanted,
                                   const pome_allocator *allocator);

/* ---- element types by their number in MIL.proto (data_type.c): NONE and 0 when there is none ----
 */
pome_dtype pome__dtype_from_data_type(uint64_t number);
uint32_t pome__data_type_of(pome_dtype dtype);

/* ---- types (type.c) ---- */
pome__type pome__type_tensor(pome_dtype dtype, int rank, const int64_t *dims);
bool pome__type_equal(const pome__type *a, const pome__type *b);
/* True when a value of type `actual` may stand where `declared` is written: equal but for
 * dimensions, ranks and lengths that either side does not know. */
bool pome__type_fits(const pome__type *declared, const pome__type *actual);
/* True when every dimension (of all parts) is known. */
bool pome__type_is_known(const pome__type *type);
/* "tensor<fp16, [1, ?]>" into the buffer; returns buffer. */
const char *pome__type_format(const pome__type *type, char *buffer, size_t size);
#define POME__TYPE_TEXT 320
/* A view of a tensor literal. */
pome_tensor pome__literal_tensor(const pome__literal *literal);

/* ---- structure (verify.c): names unique and defined before use, in scope; known opsets; literals
 * as large as their types say; ranks and depth bounded. Sets indices anew. ---- */
pome_status pome__program_verify(pome__program *program, pome_error *error);

/* ---- text (print.c) ---- */
/* Literals that lie in a weight file print as BLOBFILE, all others in place. */
pome_status pome__program_print(const pome__program *program,
                                pome_status (*write)(void *context, const char *text, size_t size),
                                void *context, pome_error *error);

#endif

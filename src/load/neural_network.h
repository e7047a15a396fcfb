/* What the files share that turn a NeuralNetwork message into a program.
 *
 * A layer becomes a few operations, appended one by one; each is bound and its types are inferred
 * at once, so that a converter sees the rank and the known dimensions of what it is given. The
 * first thing that goes wrong stays: from then on every function here gives NULL or a default and
 * does nothing, so converters need no checks of their own and the driver looks once for each layer.
 *
 * All blobs of a network are floats, indices and conditions among them. Only slices can leave a
 * blob of rank 0; a reduction of all gives one element of rank 1, and so is every output.
 */
#ifndef POME_SRC_LOAD_NEURAL_NETWORK_H
#define POME_SRC_LOAD_NEURAL_NETWORK_H

#include "base/error.h"
#include "load/load.h"
#include "load/neural_network_layers.h"
#include "mil/scope.h"
#include "wire/pb.h"

/* More inputs or outputs than any layer needs. */
#define POME__NN_MAX_BLOBS 512

/* What a name of the network stands for at present. */
typedef struct pome__nn_blob {
  const char *name;
  pome__value *value; /* NULL: not defined here */
  size_t slot;        /* for joining branches */
} pome__nn_blob;

/* What a name stood for before the latest change of it. */
typedef struct pome__nn_change {
  pome__nn_blob *blob;
  pome__value *before;
} pome__nn_change;

typedef struct pome__nn {
  pome__program *program;
  pome__function *function;
  pome__block *block; /* where operations are appended */
  pome__arena scratch;
  pome__scope blobs; /* names of the network: pome__nn_blob */
  pome__scope names; /* names of values: the value */
  pome__nn_change *changes;
  size_t change_count, change_capacity;
  pome__nn_blob stopped, broken; /* flags of the loop that is being read */
  bool rank5;                    /* the arrays are [sequence, batch, channel, height, width] */
  int depth;                     /* of nested networks */
  uint32_t layer_count;          /* read so far */
  const char *layer;             /* its name and type, for messages */
  const char *type;
  char layer_name[96];
  uint64_t next_name;
  uint32_t first_op; /* of the layer at hand */
  pome_status status;
  pome_error *error;
} pome__nn;

/* A layer as its converter sees it. */
typedef struct pome__nn_layer {
  const char *operation; /* of its row */
  pome__pb params;       /* the message of its type */
  pome__nn_blob **in;    /* blobs, defined */
  size_t in_count;
  pome__nn_blob **out;
  size_t out_count;
} pome__nn_layer;

typedef void (*pome__nn_convert)(pome__nn *nn, const pome__nn_layer *layer);

/* ---- neural_network_ports.c ---- */
/* Makes the function's inputs, with the preprocessing of images, into blobs. Optional ports without
 * a default get one, zero. */
void pome__nn_inputs(pome__nn *nn, pome__pb network, pome__function_description *description);
/* Makes the function's outputs of the blobs that the description names, and those of a classifier
 * of its labels. */
void pome__nn_outputs(pome__nn *nn, pome__pb network, int model_type,
                      const pome__function_description *description);

/* An input of the function, named after the port. */
pome__value *pome__nn_add_input(pome__nn *nn, const pome_port *port, const pome__type *type);
/* The label and the probabilities by label, in that order, named as the description says. The
 * labels stand in the fields that all classifiers have them in. */
void pome__nn_classify(pome__nn *nn, pome__pb model, const pome__function_description *description,
                       pome__value *probabilities, pome__value **outputs);

/* ---- neural_network.c ---- */
/* A program with one function, which `fill` gives inputs, operations and outputs from the package's
 * message, a cursor over `model`. */
pome_status pome__nn_build(pome__package *package, const pome_allocator *allocator,
                           size_t memory_limit,
                           void (*fill)(pome__nn *nn, pome__pb model, pome__package *package),
                           pome__program **program, pome_error *error);
/* NULL when no layer has that field number. */
const char *pome__nn_layer_name(uint32_t number);
/* The layers of a NeuralNetwork message, in order, into nn->block. */
void pome__nn_network(pome__nn *nn, pome__pb network);
/* The value of input `i`, NULL and an error when the layer has fewer. */
pome__value *pome__nn_in(pome__nn *nn, const pome__nn_layer *layer, size_t i);
/* Gives output `i` its value. */
void pome__nn_out(pome__nn *nn, const pome__nn_layer *layer, size_t i, pome__value *value);
/* neural_network_control.c: the rest of a network, where a layer may have left the loop's turn. */
void pome__nn_unless_stopped(pome__nn *nn, pome__pb rest);
/* What the blob stands for from now on. */
void pome__nn_define(pome__nn *nn, pome__nn_blob *blob, pome__value *value);

/* Status of the first failure; every message names the layer. */
void pome__nn_fail(pome__nn *nn, pome_status status, const char *format, ...) POME__PRINTF(3, 4);
void pome__nn_no_memory(pome__nn *nn);

/* ---- neural_network_fields.c: fields of a message by number; a field that is not there gives the
 * default ---- */
bool pome__nn_field(pome__nn *nn, pome__pb message, uint32_t number, pome__pb_field *field);
int64_t pome__nn_int(pome__nn *nn, pome__pb message, uint32_t number, int64_t fallback);
bool pome__nn_bool(pome__nn *nn, pome__pb message, uint32_t number);
double pome__nn_float(pome__nn *nn, pome__pb message, uint32_t number, double fallback);
/* 0 is what a writer leaves out. */
double pome__nn_float_not_0(pome__nn *nn, pome__pb message, uint32_t number, double fallback);
/* False when it is not there. */
bool pome__nn_message(pome__nn *nn, pome__pb message, uint32_t number, pome__pb *inner);
const char *pome__nn_text(pome__nn *nn, pome__pb message, uint32_t number);
/* How many there are; more than `capacity` is an error. */
size_t pome__nn_ints(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out,
                     size_t capacity);
/* `count` numbers, or all of them `fallback`. */
void pome__nn_ints_or(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out, size_t count,
                      int64_t fallback);
size_t pome__nn_floats(pome__nn *nn, pome__pb message, uint32_t number, double *out,
                       size_t capacity);

/* ---- neural_network_build.c: operations ---- */
typedef struct pome__nn_arg {
  const char *name;
  pome__value *value; /* NULL: the argument is left out */
  pome__value *const *list;
  size_t count;
} pome__nn_arg;

#define POME__ARG(name, value)         ((pome__nn_arg){name, value, NULL, 0})
#define POME__LIST(name, values, many) ((pome__nn_arg){name, NULL, values, many})
/* The operation's only output. */
#define POME__OP(nn, type, ...)                                                                    \
  pome__nn_op(nn, type, (const pome__nn_arg[]){__VA_ARGS__, {NULL, NULL, NULL, 0}})

pome__value *pome__nn_op(pome__nn *nn, const char *type, const pome__nn_arg *args);
/* `outputs` are all NULL when it fails. */
void pome__nn_op_many(pome__nn *nn, const char *type, const pome__nn_arg *args,
                      pome__value **outputs, size_t count);
/* Binds an operation and infers its types, and appends it. */
void pome__nn_append(pome__nn *nn, pome__op *op);
/* A value with a new name and a type that is not known yet. */
pome__value *pome__nn_new_value(pome__nn *nn, const char *stem);
/* Gives the value the name, if it is free; `name` must live as long as the program. */
void pome__nn_rename(pome__nn *nn, pome__value *value, const char *name);

/* Literals in place. */
pome__value *pome__nn_lit_int(pome__nn *nn, int64_t value);
pome__value *pome__nn_lit_float(pome__nn *nn, double value);
pome__value *pome__nn_lit_bool(pome__nn *nn, bool value);
pome__value *pome__nn_lit_text(pome__nn *nn, const char *text);
pome__value *pome__nn_lit_ints(pome__nn *nn, const int64_t *values, size_t count);
pome__value *pome__nn_lit_bools(pome__nn *nn, const bool *values, size_t count);
/* A constant of floats; `data` stays where it is. */
pome__value *pome__nn_const(pome__nn *nn, const char *stem, int rank, const int64_t *dims,
                            const float *data);
/* The same of any type. */
pome__value *pome__nn_const_data(pome__nn *nn, const char *stem, const pome__type *type,
                                 const void *data, size_t bytes);
pome__value *pome__nn_const_of(pome__nn *nn, const char *stem, const pome__literal *made);
/* All elements alike. */
pome__value *pome__nn_const_filled(pome__nn *nn, int rank, const int64_t *dims, double value);

/* Types: 0 and POME_DIM_UNKNOWN after a failure. An unknown rank is a failure. */
int pome__nn_rank(pome__nn *nn, const pome__value *value);
/* From the end when negative. */
int64_t pome__nn_dim(pome__nn *nn, const pome__value *value, int axis);
/* -1 .. -rank as 0 .. rank-1; a failure gives 0. */
int pome__nn_axis(pome__nn *nn, int64_t axis, int rank);
/* Fails unless the rank is `low` or more. */
void pome__nn_need_rank(pome__nn *nn, const pome__value *value, int low);

/* Floats as whole numbers or bools, and back. */
pome__value *pome__nn_whole(pome__nn *nn, pome__value *value);
pome__value *pome__nn_truth(pome__nn *nn, pome__value *value);
pome__value *pome__nn_number(pome__nn *nn, pome__value *value);

pome__value *pome__nn_unary(pome__nn *nn, const char *type, pome__value *x);
pome__value *pome__nn_binary(pome__nn *nn, const char *type, pome__value *x, pome__value *y);
/* factor * x + shift, without what changes nothing. */
pome__value *pome__nn_scaled(pome__nn *nn, pome__value *x, double factor, double shift);
pome__value *pome__nn_reshape(pome__nn *nn, pome__value *x, int rank, const int64_t *dims);
pome__value *pome__nn_expand(pome__nn *nn, pome__value *x, const int64_t *axes, size_t count);
/* The rank does not fall below 1. */
pome__value *pome__nn_squeeze(pome__nn *nn, pome__value *x, const int64_t *axes, size_t count);
pome__value *pome__nn_transpose(pome__nn *nn, pome__value *x, const int64_t *perm);
pome__value *pome__nn_at_least_1d(pome__nn *nn, pome__value *x);
pome__value *pome__nn_reduce(pome__nn *nn, const char *type, pome__value *x, const int64_t *axes,
                             size_t count, bool keep);
/* The sizes as whole numbers; those of dimensions begin .. end-1. */
pome__value *pome__nn_shape(pome__nn *nn, pome__value *x);
pome__value *pome__nn_sizes(pome__nn *nn, pome__value *x, int begin, int end);
/* One vector of whole numbers after the other. */
pome__value *pome__nn_joined(pome__nn *nn, pome__value *first, pome__value *second);
/* The first `kept` dimensions of `like`, then `dims`, of which one may be -1. */
pome__value *pome__nn_reshape_after(pome__nn *nn, pome__value *x, pome__value *like, int kept,
                                    const int64_t *dims, int count);
/* x as [batch, ...] with `last` dimensions after it: all before them are one, or 1 where there are
 * none; and back to the leading dimensions that x had. */
pome__value *pome__nn_fold(pome__nn *nn, pome__value *x, int last);
pome__value *pome__nn_unfold(pome__nn *nn, pome__value *y, pome__value *x, int last);

/* ---- neural_network_weights.c: WeightParams ---- */
/* The constant in field `number` of a message, with that shape; `channel_axis` is the axis that
 * scales of quantised weights are for. NULL and an error when it is not there. */
pome__value *pome__nn_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                              int rank, const int64_t *dims, int channel_axis);
/* The same, or NULL when the field is not there or empty. */
pome__value *pome__nn_weights_or_none(pome__nn *nn, pome__pb message, uint32_t number,
                                      const char *stem, int rank, const int64_t *dims);
/* Writes rows * columns numbers as floats; scales are one a row. False after a failure. */
bool pome__nn_read_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                           size_t rows, size_t columns, float *out);
/* Whether there are so many; an error when not. To be asked before room is made for them. */
bool pome__nn_has_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                          size_t count);
/* How many numbers WeightParams hold; of less than 8 bits, how many there is room for. */
size_t pome__nn_weight_count(pome__nn *nn, pome__pb message, uint32_t number);
float *pome__nn_new_floats(pome__nn *nn, size_t count);
/* One entry of the layer's parameters as a product of sizes; fails when it is not 1 .. 2^40. */
size_t pome__nn_count(pome__nn *nn, int rank, const int64_t *dims);

/* ---- one file a family ---- */
/* BorderAmounts: before and after the height, before and after the width; 0 when not there. */
void pome__nn_borders(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out);
/* An ActivationParams message. */
pome__value *pome__nn_activate(pome__nn *nn, pome__pb activation, pome__value *x);

#define X(number, name, converter, operation)                                                      \
  void pome__nn_to_##converter(pome__nn *nn, const pome__nn_layer *layer);
POME__NN_LAYER_TABLE(X)
#undef X

#endif

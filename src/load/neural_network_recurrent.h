/* A recurrent cell, as its layer describes it and as a loop over its steps needs it. */
#ifndef POME_SRC_LOAD_NEURAL_NETWORK_RECURRENT_H
#define POME_SRC_LOAD_NEURAL_NETWORK_RECURRENT_H

#include "load/neural_network.h"

typedef enum pome__nn_gate_kind {
  POME__NN_OTHER,
  POME__NN_LINEAR,
  POME__NN_RELU,
  POME__NN_SIGMOID, /* from here on clipping to -50 .. 50 changes nothing */
  POME__NN_TANH,
  POME__NN_HARD_SIGMOID
} pome__nn_gate_kind;

typedef enum pome__nn_cell_type { POME__NN_SIMPLE, POME__NN_GRU, POME__NN_LSTM } pome__nn_cell_type;

typedef struct pome__nn_cell {
  pome__nn_cell_type type;
  int64_t in, out;        /* sizes of vectors */
  pome__pb activation[3]; /* f, g, h */
  pome__nn_gate_kind kind[3];
  bool sequence; /* all steps are given, else the last one */
  bool reverse;
  bool aligned; /* of a reverse one: the outputs are turned back */
  /* lstm */
  bool has_bias, forget_bias, has_peephole, coupled;
  double clip;
  pome__value *w, *r, *b, *peephole; /* gates stacked: lstm i f o z, gru r o z */
} pome__nn_cell;

/* neural_network_steps.c: the cell over x [S, B, in] from the states h and c (lstm) as a loop of
 * small operations. Outputs: [S or 1, B, out], h and c as [B, out]. */
void pome__nn_steps(pome__nn *nn, const pome__nn_cell *cell, pome__value *x, pome__value *h,
                    pome__value *c, pome__value **outputs);

#endif

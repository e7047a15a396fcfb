/* Neural networks in tests: messages written in a short notation, and cases of one layer.
 *
 * A message is its fields, NUMBER:VALUE, apart by spaces. Values: 5 and m5 (-5) are varints, f0.5 a
 * float, d0.5 a double, [1 2] packed varints, F[1 2] packed floats, D[1 2] packed doubles, x0aff
 * bytes, "text" a string, {..} a message.
 * A tensor is its shape and its elements: "[2,3] 1 2 3 4 5 6".
 */
#ifndef POME_TESTS_NETWORK_CASE_H
#define POME_TESTS_NETWORK_CASE_H

#include <pome/pome.h>

#include "modes.h"
#include "wire_writer.h"

wire network_message(const char *text);

typedef struct network_tensor {
  int rank;
  int64_t shape[POME_MAX_RANK];
  float data[MOST];
  size_t count;
} network_tensor;

void network_parse_tensor(const char *text, network_tensor *out);

/* A Model with its description and what field `type` holds, in that notation. */
pome_status typed_open(uint32_t type, const char *description, const char *body, pome_model **model,
                       pome_error *error);
/* A Model of type 500 with a description and a network, in that notation. */
pome_status network_open(const char *description, const char *network, pome_model **model,
                         pome_error *error);

typedef struct layer_case {
  const char *what;
  uint32_t layer; /* its field in NeuralNetworkLayer */
  const char *params;
  const char *in[4];  /* blobs a, b, c */
  const char *out[6]; /* or one that begins with "error: " */
} layer_case;

/* Runs the layer alone, in the exact mapping, on the reference and the processor. */
void layer_case_run(const layer_case *c);
void layer_cases_run(const layer_case *cases, size_t count);

#endif

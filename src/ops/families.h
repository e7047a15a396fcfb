/* The families of the op table. Each family file exports its rows; table.c gathers them. A new
 * family is one line here. */
#ifndef POME_SRC_OPS_FAMILIES_H
#define POME_SRC_OPS_FAMILIES_H

#include "ops/ops.h"

#define POME__FAMILY_TABLE(X)                                                                      \
  X(activation)                                                                                    \
  X(classic)                                                                                       \
  X(classify)                                                                                      \
  X(constexpr)                                                                                     \
  X(control_flow)                                                                                  \
  X(conv)                                                                                          \
  X(elementwise_binary)                                                                            \
  X(elementwise_unary)                                                                             \
  X(image_resizing)                                                                                \
  X(linear)                                                                                        \
  X(normalization)                                                                                 \
  X(pool)                                                                                          \
  X(quantization)                                                                                  \
  X(random)                                                                                        \
  X(recurrent)                                                                                     \
  X(reduction)                                                                                     \
  X(scatter_gather)                                                                                \
  X(states)                                                                                        \
  X(tensor_operation)                                                                              \
  X(tensor_transformation)                                                                         \
  X(transformers)

/* The family's rows, in any order; static. */
#define X(family) const pome__schema *pome__ops_##family(size_t *count);
POME__FAMILY_TABLE(X)
#undef X

#endif

/* How types are spelled, for messages and for program text alike. */
#ifndef POME_SRC_MIL_TYPE_TEXT_H
#define POME_SRC_MIL_TYPE_TEXT_H

#include "mil/mil.h"

/* Receives text piece by piece. */
typedef struct pome__text_sink {
  void *context;
  void (*put)(void *context, const char *text, size_t size);
} pome__text_sink;

/* `bare_scalars`: "int32" for "tensor<int32, []>", the form of iOS18 programs. */
void pome__type_put(const pome__type *type, bool bare_scalars, const pome__text_sink *sink);

#endif
